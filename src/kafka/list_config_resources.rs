//! ListConfigResources (74): what has configs, by kind.

use crate::kafka::admin::AdminContext;
use crate::kafka::describe_configs::BROKER;
use crate::kafka::describe_configs::BROKER_LOGGER;
use crate::kafka::describe_configs::CLIENT_METRICS;
use crate::kafka::describe_configs::GROUP;
use crate::kafka::describe_configs::TOPIC;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::ConfigResource;
use crate::kafka::messages::ListConfigResourcesRequest;
use crate::kafka::messages::ListConfigResourcesResponse;
use crate::metadata::Resource;

/// All kinds, in the order in which they are answered.
const KINDS: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

pub fn answer(
    context: AdminContext<'_>,
    request: &ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    // Version 0 knows of client metrics only.
    let kinds = match (context.version, &request.resource_types[..]) {
        (0, _) => &[CLIENT_METRICS],
        (_, []) => &KINDS[..],
        (_, asked) => asked,
    };
    if kinds.iter().any(|kind| !KINDS.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let mut config_resources = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| kinds.contains(kind)) {
        let named = |resource_name| ConfigResource {
            resource_name,
            resource_type: kind,
            ..ConfigResource::default()
        };
        config_resources.extend(names(context, kind).into_iter().map(named));
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

fn names(context: AdminContext<'_>, kind: i8) -> Vec<String> {
    let image = context.image;
    match kind {
        TOPIC => image.topics().map(|topic| topic.name.to_string()).collect(),
        BROKER | BROKER_LOGGER => {
            image.layout().brokers().map(|(broker, _)| broker.to_string()).collect()
        }
        GROUP => {
            let groups = image.state().resources().filter_map(|(resource, _)| match resource {
                Resource::Group(group) => Some(group.clone()),
                Resource::Quota(_) | Resource::Loggers(_) => None,
            });
            groups.collect()
        }
        // There are none.
        _ => Vec::new(),
    }
}
