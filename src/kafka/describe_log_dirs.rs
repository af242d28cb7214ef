//! DescribeLogDirs (35): the data directory, and how large the partitions in it are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::PartitionId;
use crate::base::ShardId;
use crate::kafka::errors::ErrorCode;
use crate::kafka::messages::DescribeLogDirsPartition;
use crate::kafka::messages::DescribeLogDirsRequest;
use crate::kafka::messages::DescribeLogDirsResponse;
use crate::kafka::messages::DescribeLogDirsResult;
use crate::kafka::messages::DescribeLogDirsTopic;
use crate::metadata::Image;
use crate::metadata::Topic;

/// The answer while sizes of partitions are missing.
#[derive(Debug)]
pub struct LogDirs {
    result: DescribeLogDirsResult,
    /// By question: where the size of each of its partitions belongs.
    places: Vec<Vec<(usize, usize)>>,
    /// Topic and partition of the result that turned out not to be there.
    gone: BTreeSet<(usize, usize)>,
}

impl LogDirs {
    /// What is asked of which owner, one question each. `space`: total and usable bytes of the file
    /// system, where they are known.
    pub fn new(
        image: &Image,
        request: &DescribeLogDirsRequest,
        space: Option<(u64, u64)>,
    ) -> (Self, Vec<(ShardId, Vec<PartitionId>)>) {
        let directory = image.in_force().describe_node(|name| name == "log.dirs");
        let directory = directory.into_iter().next().and_then(|config| config.value);
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut dirs = Self {
            result: DescribeLogDirsResult {
                log_dir: directory.unwrap_or_default(),
                total_bytes: space.map_or(-1, |(total, _)| bytes(total)),
                usable_bytes: space.map_or(-1, |(_, usable)| bytes(usable)),
                ..DescribeLogDirsResult::default()
            },
            places: Vec::new(),
            gone: BTreeSet::new(),
        };
        let mut owners: BTreeMap<ShardId, usize> = BTreeMap::new();
        let mut questions = Vec::new();
        for (topic, indexes) in wanted(image, request) {
            let mut partitions = Vec::new();
            for index in indexes {
                let Some(info) = image.partition(topic, index) else { continue };
                let question = *owners.entry(info.owner).or_insert_with(|| {
                    questions.push((info.owner, Vec::new()));
                    dirs.places.push(Vec::new());
                    questions.len() - 1
                });
                questions[question].1.push(info.id);
                dirs.places[question].push((dirs.result.topics.len(), partitions.len()));
                partitions.push(DescribeLogDirsPartition {
                    partition_index: index,
                    ..DescribeLogDirsPartition::default()
                });
            }
            if !partitions.is_empty() {
                let name = topic.name.to_string();
                let topic = DescribeLogDirsTopic { name, partitions, ..Default::default() };
                dirs.result.topics.push(topic);
            }
        }
        (dirs, questions)
    }

    /// Sizes of one question's partitions.
    pub fn set(&mut self, question: usize, sizes: &[Option<u64>]) {
        for (&(topic, partition), size) in self.places[question].iter().zip(sizes) {
            match size {
                Some(size) => {
                    let place = &mut self.result.topics[topic].partitions[partition];
                    place.partition_size = i64::try_from(*size).unwrap_or(i64::MAX);
                }
                None => {
                    self.gone.insert((topic, partition));
                }
            }
        }
    }

    /// `complete`: every owner answered in time.
    pub fn finish(mut self, complete: bool) -> DescribeLogDirsResponse {
        if !complete {
            self.result.error_code = ErrorCode::RequestTimedOut.code();
            self.result.topics.clear();
        }
        for (number, topic) in self.result.topics.iter_mut().enumerate() {
            let mut index = 0;
            topic.partitions.retain(|_| {
                let is_there = !self.gone.contains(&(number, index));
                index += 1;
                is_there
            });
        }
        self.result.topics.retain(|topic| !topic.partitions.is_empty());
        DescribeLogDirsResponse { results: vec![self.result], ..DescribeLogDirsResponse::default() }
    }
}

/// Topics with the partitions that are asked for, each once.
fn wanted<'a>(
    image: &'a Image,
    request: &DescribeLogDirsRequest,
) -> Vec<(&'a Topic, BTreeSet<i32>)> {
    let Some(topics) = &request.topics else {
        let all = image.topics().map(|topic| (&**topic, (0..).take(topic.partitions.len())));
        return all.map(|(topic, indexes)| (topic, indexes.collect())).collect();
    };
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for topic in topics {
        wanted.entry(&topic.topic).or_default().extend(&topic.partitions);
    }
    let known = wanted.into_iter().filter_map(|(name, indexes)| {
        let topic = image.topic(name)?;
        Some((&**topic, indexes))
    });
    known.collect()
}

#[cfg(test)]
mod tests;
