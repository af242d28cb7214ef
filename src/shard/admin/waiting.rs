//! What a home shard has asked of the controller, and who waits for it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::CONTROLLER;
use crate::base::Now;
use crate::kafka::alter_configs::AlterConfigsAsked;
use crate::kafka::client_quotas::AlterQuotasAsked;
use crate::kafka::create_partitions::CreatePartitionsAsked;
use crate::kafka::create_topics::CreateTopicsAsked;
use crate::kafka::delete_topics::DeleteTopicsAsked;
use crate::metadata::Command;
use crate::metadata::Outcome;
use crate::metadata::Ticket;
use crate::shard::AdminMessage;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Message;
use crate::shard::Shard;
use crate::shard::limits;

/// Who waits for an outcome.
#[derive(Debug)]
pub(super) enum Asked {
    CreateTopics(Exchange, CreateTopicsAsked),
    DeleteTopics(Exchange, DeleteTopicsAsked),
    CreatePartitions(Exchange, CreatePartitionsAsked),
    AlterConfigs(Exchange, AlterConfigsAsked),
    ReplaceConfigs(Exchange, AlterConfigsAsked),
    AlterQuotas(Exchange, AlterQuotasAsked),
    ProducerIds,
    /// Topics that are created because somebody asked for them.
    Nobody,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_ticket: BTreeMap<u64, (u64, Asked)>,
    /// Deadlines in `Now::mono_us`, with the ticket's number.
    due: BTreeSet<(u64, u64)>,
    last: u64,
}

impl Waiting {
    fn add(&mut self, due_us: u64, asked: Asked) -> u64 {
        self.last += 1;
        self.by_ticket.insert(self.last, (due_us, asked));
        self.due.insert((due_us, self.last));
        self.last
    }

    fn remove(&mut self, number: u64) -> Option<Asked> {
        let (due_us, asked) = self.by_ticket.remove(&number)?;
        self.due.remove(&(due_us, number));
        Some(asked)
    }

    fn next_due(&self, now_us: u64) -> Option<u64> {
        self.due.first().filter(|(due_us, _)| *due_us <= now_us).map(|(_, number)| *number)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.due.first().map(|(due_us, _)| *due_us)
    }
}

impl Shard {
    /// Sends a command to the controller; `asked` waits for its outcome, `timeout_ms` at most.
    pub(super) fn send_command(
        &mut self,
        now: Now,
        asked: Asked,
        command: Command,
        timeout_ms: i32,
        out: &mut Effects,
    ) {
        if self.admin.waiting.by_ticket.len() >= limits::COMMANDS_MAX {
            return self.finish(now, asked, Outcome::Unavailable, out);
        }
        let (least, most) = (limits::COMMAND_TIMEOUT_MS_MIN, limits::COMMAND_TIMEOUT_MS_MAX);
        let timeout_us = u64::from(timeout_ms.clamp(least, most).unsigned_abs()) * 1_000;
        let number = self.admin.waiting.add(now.mono_us + timeout_us, asked);
        let ticket = Ticket { shard: self.config.id, number };
        if self.config.id == CONTROLLER {
            self.on_command(now, ticket, command, out);
        } else {
            let message = AdminMessage::Command { ticket, command };
            out.mesh.push((CONTROLLER, Message::Admin(message)));
        }
    }

    pub(super) fn on_outcome(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        out: &mut Effects,
    ) {
        // One whose time was over was answered then.
        if let Some(asked) = self.admin.waiting.remove(ticket.number) {
            self.finish(now, asked, outcome, out);
        }
    }

    pub(super) fn expire_commands(&mut self, now: Now, out: &mut Effects) {
        while let Some(number) = self.admin.waiting.next_due(now.mono_us) {
            let Some(asked) = self.admin.waiting.remove(number) else { return };
            self.finish(now, asked, Outcome::TimedOut, out);
        }
    }

    fn finish(&mut self, now: Now, asked: Asked, outcome: Outcome, out: &mut Effects) {
        match asked {
            Asked::CreateTopics(exchange, asked) => {
                self.reply(now, exchange, &asked.answer(outcome), out);
            }
            Asked::DeleteTopics(exchange, asked) => {
                self.reply(now, exchange, &asked.answer(outcome), out);
            }
            Asked::CreatePartitions(exchange, asked) => {
                self.reply(now, exchange, &asked.answer(outcome), out);
            }
            Asked::AlterConfigs(exchange, asked) => {
                self.reply(now, exchange, &asked.answer(outcome), out);
            }
            Asked::ReplaceConfigs(exchange, asked) => {
                self.reply(now, exchange, &asked.answer_replaced(outcome), out);
            }
            Asked::AlterQuotas(exchange, asked) => {
                self.reply(now, exchange, &asked.answer(outcome), out);
            }
            Asked::ProducerIds => {
                let ids = if let Outcome::ProducerIds { first, count } = outcome {
                    (first, count)
                } else {
                    (0, 0)
                };
                self.on_producer_ids(now, ids.0, ids.1, out);
            }
            Asked::Nobody => {}
        }
    }
}
