//! DescribeLogDirs: the size of every partition, asked of all cores.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DescribeLogDirsRequest;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let request = DescribeLogDirsRequest { topics: None, ..DescribeLogDirsRequest::default() };
    probe(stage, &request, |_, response| {
        let allowed = [ErrorCode::None, ErrorCode::RequestTimedOut];
        expect(response.error_code, &allowed, "DescribeLogDirs");
        for dir in &response.results {
            let parts = dir.topics.iter().flat_map(|topic| &topic.partitions);
            for part in parts {
                assert!(part.partition_size >= 0 && part.offset_lag == 0, "sizes: {part:?}");
            }
        }
    });
}
