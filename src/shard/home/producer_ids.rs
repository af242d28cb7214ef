//! InitProducerId (rules 24 and 25): ids come in blocks from the controller.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::Shard;
use crate::base::Mutant;
use crate::base::Now;
use crate::kafka::errors::ErrorCode;
use crate::kafka::init_producer_id::Wanted;
use crate::kafka::init_producer_id::granted;
use crate::kafka::init_producer_id::refused;
use crate::kafka::init_producer_id::wanted;
use crate::kafka::messages::InitProducerIdRequest;
use crate::shard::Effects;
use crate::shard::Exchange;

/// Requests that may wait for a block of ids. Beyond it they are told to try again.
const WAITING_MAX: usize = 1024;

/// The block that this shard hands out of, and who waits for the next one.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    left: u32,
    asked: bool,
    waiting: VecDeque<Exchange>,
}

impl Shard {
    pub(super) fn on_init_producer_id(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        let Some(request) = self.read_body::<InitProducerIdRequest>(now, exchange, body, out)
        else {
            return;
        };
        match wanted(&request) {
            Wanted::Fresh => {
                if self.home.producer_ids.waiting.len() >= WAITING_MAX {
                    let response = refused(ErrorCode::CoordinatorLoadInProgress);
                    return self.reply(now, exchange, &response, out);
                }
                self.home.producer_ids.waiting.push_back(exchange);
                self.grant_producer_ids(now, out);
            }
            Wanted::Nothing(error) => self.reply(now, exchange, &refused(error), out),
        }
    }

    /// Ids `first..first + count` are this shard's; none: the controller could not give any.
    pub(in crate::shard) fn on_producer_ids(
        &mut self,
        now: Now,
        first: i64,
        count: u32,
        out: &mut Effects,
    ) {
        self.home.producer_ids.asked = false;
        if count == 0 {
            // Kafka's clients try again.
            while let Some(exchange) = self.home.producer_ids.waiting.pop_front() {
                let response = refused(ErrorCode::CoordinatorLoadInProgress);
                self.reply(now, exchange, &response, out);
            }
            return;
        }
        self.home.producer_ids.next = first;
        self.home.producer_ids.left = count;
        self.grant_producer_ids(now, out);
    }

    fn grant_producer_ids(&mut self, now: Now, out: &mut Effects) {
        loop {
            let ids = &mut self.home.producer_ids;
            if ids.waiting.is_empty() {
                return;
            }
            if ids.left == 0 {
                if !ids.asked {
                    ids.asked = true;
                    self.ask_producer_ids(now, out);
                }
                return;
            }
            let Some(exchange) = ids.waiting.pop_front() else { return };
            let id = ids.next;
            ids.next += i64::from(!(Mutant::ProducerIdTwice.is_on() && ids.left.is_multiple_of(2)));
            ids.left -= 1;
            self.reply(now, exchange, &granted(id), out);
        }
    }
}
