//! OffsetFetch: no commit that was confirmed is lost.

use std::collections::BTreeMap;

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::OffsetFetchRequest;
use strandlog::kafka::messages::OffsetFetchRequestGroup;
use strandlog::kafka::messages::OffsetFetchResponse;

use super::AWAY;
use super::STRANGERS;
use super::expect;
use crate::node::client::Stage;
use crate::node::mind::Role;
use crate::node::truth::Place;

/// The versions that can ask for all partitions, and for several groups; the last one that names topics.
const ALL_FROM: i16 = 2;
const GROUPS_FROM: i16 = 8;
const NAMES_TO: i16 = 9;

pub fn ask(stage: &mut Stage<'_>) {
    let group_id = match stage.mind.role {
        Role::Member => stage.mind.membership.group.clone(),
        _ => STRANGERS.to_owned(),
    };
    let version = stage.version::<OffsetFetchRequest>().clamp(ALL_FROM, NAMES_TO);
    let group = OffsetFetchRequestGroup {
        group_id: group_id.clone(),
        topics: None,
        ..OffsetFetchRequestGroup::default()
    };
    let request = match version {
        GROUPS_FROM.. => {
            OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() }
        }
        _ => OffsetFetchRequest {
            group_id: group_id.clone(),
            topics: None,
            ..OffsetFetchRequest::default()
        },
    };
    let floor = stage.truth.groups.floor(&group_id);
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let allowed = [AWAY, &[ErrorCode::None]].concat();
        let code = response.groups.first().map_or(response.error_code, |group| group.error_code);
        if expect(code, &allowed, "OffsetFetch") == ErrorCode::None {
            let found = offsets(&response);
            for (place, floor) in &floor {
                // Offsets of a topic go with it.
                if !stage.truth.topic(&place.0).delete_asked {
                    let offset = found.get(place).copied();
                    stage.truth.groups.saw(&group_id, place, *floor, offset);
                }
            }
        }
    });
}

fn offsets(response: &OffsetFetchResponse) -> BTreeMap<Place, i64> {
    let single = response.topics.iter().flat_map(|topic| {
        let parts = topic.partitions.iter();
        parts.map(|part| ((topic.name.clone(), part.partition_index), part.committed_offset))
    });
    let several = response.groups.iter().flat_map(|group| &group.topics).flat_map(|topic| {
        let parts = topic.partitions.iter();
        parts.map(|part| ((topic.name.clone(), part.partition_index), part.committed_offset))
    });
    single.chain(several).collect()
}
