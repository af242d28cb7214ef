//! Administrative requests and the controller, as the shard meets them.

use bytes::Bytes;

use crate::base::Now;
use crate::base::ShardId;
use crate::shard::AdminMessage;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Message;
use crate::shard::Shard;
use crate::strand::Notice;

#[derive(Debug, Default)]
pub(super) struct Admin {}

impl Shard {
    /// A request that reads or changes metadata.
    pub(super) fn on_admin(
        &mut self,
        now: Now,
        exchange: Exchange,
        _body: Bytes,
        out: &mut Effects,
    ) {
        let reason = CloseReason::Malformed(format!("{} is not served", exchange.api));
        self.close(now, exchange.conn, reason, out);
    }

    pub(super) fn on_admin_message(
        &mut self,
        now: Now,
        from: ShardId,
        message: AdminMessage,
        out: &mut Effects,
    ) {
        match message {
            AdminMessage::Publish(publication) => {
                let index = publication.image.index();
                self.on_image(now, publication, out);
                out.mesh.push((from, Message::Admin(AdminMessage::Confirm { index })));
            }
            AdminMessage::Confirm { .. } => {}
        }
    }

    pub(super) fn on_admin_tick(&mut self, _now: Now, _out: &mut Effects) {}

    pub(super) fn admin_deadline(&self) -> Option<u64> {
        None
    }

    /// News of the metadata strand.
    pub(super) fn on_metadata_notice(&mut self, _now: Now, _notice: Notice, _out: &mut Effects) {}

    /// Asks the controller for a block of producer ids: `on_producer_ids` follows.
    pub(super) fn ask_producer_ids(&mut self, now: Now, out: &mut Effects) {
        self.on_producer_ids(now, 0, 0, out);
    }
}
