//! DescribeCluster (60): the cluster's id, controller and brokers.

use crate::kafka::admin::AdminContext;
use crate::kafka::admin::CLUSTER_OPERATIONS;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DescribeClusterBroker;
use crate::kafka::messages::DescribeClusterRequest;
use crate::kafka::messages::DescribeClusterResponse;

/// What a client asks for: brokers, which is what this endpoint has, or controllers.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub fn answer(
    context: AdminContext<'_>,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        return refused(request.endpoint_type);
    }
    let brokers = context.brokers().into_iter().map(|broker| DescribeClusterBroker {
        broker_id: broker.id,
        host: broker.host,
        port: broker.port,
        rack: broker.rack,
        ..DescribeClusterBroker::default()
    });
    let operations = request.include_cluster_authorized_operations;
    DescribeClusterResponse {
        cluster_id: context.cluster_id(),
        controller_id: context.controller(),
        brokers: brokers.collect(),
        cluster_authorized_operations: if operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..DescribeClusterResponse::default()
    }
}

fn refused(endpoint_type: i8) -> DescribeClusterResponse {
    let (error, message) = match endpoint_type {
        CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type \
             CONTROLLER"
                .to_owned(),
        ),
        other => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    };
    DescribeClusterResponse {
        error_code: error.code(),
        error_message: Some(message),
        ..DescribeClusterResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kafka::wire::Message;
    use crate::metadata::Advertise;
    use crate::metadata::rig::Desk;
    use crate::metadata::rig::layout;

    fn ask(advertise: Advertise, version: i16, endpoint_type: i8) -> DescribeClusterResponse {
        let desk = Desk::with(layout(3, advertise), Arc::default());
        let context = AdminContext { image: &desk.image, listener: 1, version };
        let request = DescribeClusterRequest {
            endpoint_type,
            include_cluster_authorized_operations: version == 2,
            ..DescribeClusterRequest::default()
        };
        let request = crate::kafka::admin_tests::carried(version, &request);
        let response = answer(context, &request);
        crate::kafka::admin_tests::carried(version, &response)
    }

    #[test]
    fn one_broker_stands_for_the_node_or_one_for_each_core() {
        for version in DescribeClusterRequest::VERSIONS {
            let response = ask(Advertise::Node, version, 1);
            assert_eq!((response.error_code, response.controller_id), (0, 1));
            assert_eq!(response.cluster_id, "BwcHBwcHBwcHBwcHBwcHBw");
            let brokers = |response: &DescribeClusterResponse| {
                let broker = |b: &DescribeClusterBroker| (b.broker_id, b.host.clone(), b.port);
                response.brokers.iter().map(broker).collect::<Vec<_>>()
            };
            assert_eq!(brokers(&response), [(1, "outside.example".to_owned(), 19092)]);
            assert_eq!(response.brokers[0].rack.as_deref(), Some("r1"));
            let response = ask(Advertise::Core, version, 1);
            let core = |number: i32| (1000 + number, "outside.example".to_owned(), 20092 + number);
            assert_eq!(brokers(&response), [core(0), core(1), core(2)]);
            assert_eq!(response.controller_id, 1000);
            let operations = if version == 2 { 8096 } else { i32::MIN };
            assert_eq!(response.cluster_authorized_operations, operations);
        }
    }

    #[test]
    fn another_endpoint_is_refused_in_kafkas_words() {
        let response = ask(Advertise::Node, 1, 2);
        assert_eq!(response.error_code, 114);
        assert!(response.error_message.unwrap().ends_with("of type CONTROLLER"));
        let response = ask(Advertise::Node, 1, 7);
        assert_eq!(response.error_code, 115);
        assert_eq!(response.error_message.as_deref(), Some("Unsupported endpoint type 7"));
    }
}
