//! DeleteRecords: what was confirmed stays deleted.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteRecordsPartition;
use strandlog::kafka::messages::DeleteRecordsRequest;
use strandlog::kafka::messages::DeleteRecordsTopic;

use super::any_place;
use super::error_of;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(place) = any_place(stage).filter(|_| !stage.healing) else { return };
    let log = stage.truth.log(&place);
    let visible = log.high.max(log.start) - log.start;
    let everything = stage.rng.one_in(16);
    let to = log.start + stage.rng.below(visible as u64 / 2 + 1) as i64;
    let offset = if everything { -1 } else { to };
    let version = stage.version::<DeleteRecordsRequest>();
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: place.0.clone(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: place.1,
                offset,
                ..DeleteRecordsPartition::default()
            }],
            ..DeleteRecordsTopic::default()
        }],
        timeout_ms: 20_000,
        ..DeleteRecordsRequest::default()
    };
    let floor = stage.truth.floor(&place);
    stage.truth.ask_deletion(&place, (!everything).then_some(to));
    stage.send(version, &request, move |stage, response| {
        let Some(response) = response else { return };
        let [topic] = response.topics.as_slice() else { panic!("answers: {response:?}") };
        let [part] = topic.partitions.as_slice() else { panic!("answers: {response:?}") };
        match error_of(part.error_code) {
            ErrorCode::None => {
                assert!(part.low_watermark >= to.min(offset), "deletion: {place:?} {part:?}");
                stage.truth.saw_start(stage.wall_ms, &floor, part.low_watermark);
            }
            error => {
                stage.truth.bear(&floor, error, "DeleteRecords");
            }
        }
    });
}
