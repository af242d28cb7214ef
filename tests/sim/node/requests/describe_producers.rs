//! DescribeProducers: only ids that were handed out.

use strandlog::kafka::messages::DescribeProducersRequest;
use strandlog::kafka::messages::DescribeProducersTopic;

use super::any_place;
use super::error_of;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let Some(place) = any_place(stage) else { return };
    let floor = stage.truth.floor(&place);
    let topic = DescribeProducersTopic {
        name: place.0,
        partition_indexes: vec![place.1],
        ..DescribeProducersTopic::default()
    };
    let request =
        DescribeProducersRequest { topics: vec![topic], ..DescribeProducersRequest::default() };
    probe(stage, &request, move |stage, response| {
        for part in response.topics.iter().flat_map(|topic| &topic.partitions) {
            if part.error_code != 0 {
                stage.truth.bear(&floor, error_of(part.error_code), "DescribeProducers");
            }
            for producer in &part.active_producers {
                stage.truth.check_producer(producer.producer_id);
            }
        }
    });
}
