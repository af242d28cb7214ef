//! Loggers, as BROKER_LOGGER configs show them: the targets of log lines, whose level the nearest
//! directive of `log.filter` or of what was set since decides.

use std::collections::BTreeMap;

use crate::metadata::Image;
use crate::metadata::Resource;

/// The logger of everything that no other one is nearer to.
const ROOT: &str = "root";

/// Loggers that can be set apart: the modules that write lines.
const TARGETS: &[&str] = &[
    "glommio",
    "strandlog",
    "strandlog::cli",
    "strandlog::group",
    "strandlog::io",
    "strandlog::kafka",
    "strandlog::metadata",
    "strandlog::partition",
    "strandlog::server",
    "strandlog::shard",
    "strandlog::strand",
];

/// Whether there is such a logger.
pub(super) fn is_known(name: &str) -> bool {
    name == ROOT || TARGETS.contains(&name)
}

/// Every logger with its level in force, in capitals.
pub(super) fn levels(image: &Image) -> Vec<(&'static str, String)> {
    let filter = image.in_force().describe_node(|name| name == "log.filter");
    let filter = filter.into_iter().next().and_then(|config| config.value).unwrap_or_default();
    let mut directives: BTreeMap<&str, String> = BTreeMap::from([(ROOT, "INFO".to_owned())]);
    for directive in filter.split(',').filter(|directive| !directive.trim().is_empty()) {
        let (target, level) = directive.split_once('=').unwrap_or((ROOT, directive));
        directives.insert(target.trim(), level.trim().to_uppercase());
    }
    let set = image.state().resource(&Resource::Loggers(image.layout().node));
    for (target, level) in set.iter().flat_map(|set| set.iter()) {
        directives.insert(target, level.to_string());
    }
    let nearest = |name: &'static str| {
        let above = directives.iter().filter(|(target, _)| {
            let rest = name.strip_prefix(**target);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        let found = above.max_by_key(|(target, _)| target.len());
        (name, found.map_or_else(|| directives[ROOT].clone(), |(_, level)| level.clone()))
    };
    std::iter::once(&ROOT).chain(TARGETS).map(|name| nearest(name)).collect()
}
