//! Descriptions that owners have a part in: DescribeLogDirs, DescribeProducers.

use bytes::Bytes;

use super::gather::Answers;
use super::gather::Questions;
use super::gather::TIMEOUT_MS;
use crate::api::Question;
use crate::base::Now;
use crate::kafka::describe_log_dirs::LogDirs;
use crate::kafka::describe_producers;
use crate::kafka::messages::DescribeLogDirsRequest;
use crate::kafka::messages::DescribeProducersRequest;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Shard;

impl Shard {
    pub(super) fn on_describe_log_dirs(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<DescribeLogDirsRequest>(now, exchange, body, out)
        else {
            return;
        };
        let Some(image) = &self.image else {
            // The node is not ready, and nothing true can be said.
            return self.close(now, exchange.conn, CloseReason::Overload, out);
        };
        let (directory, asked) = LogDirs::new(image, &request, self.volume);
        let mut questions = Questions::default();
        for (number, (owner, partitions)) in asked.into_iter().enumerate() {
            questions.push((number, 0), owner, Question::Sizes { partitions });
        }
        let answers = Answers::Sizes(directory);
        self.gather(now, exchange, answers, questions, TIMEOUT_MS, out);
    }

    pub(super) fn on_describe_producers(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<DescribeProducersRequest>(now, exchange, body, out)
        else {
            return;
        };
        let (response, asked) = describe_producers::begin(self.image.as_ref(), &request);
        let mut questions = Questions::default();
        for (place, info) in asked {
            let question = Question::Producers { partition: info.id };
            questions.push(place, info.owner, question);
        }
        let answers = Answers::Producers(response);
        self.gather(now, exchange, answers, questions, TIMEOUT_MS, out);
    }
}
