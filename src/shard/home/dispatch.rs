//! A frame becomes a request with a place in its connection's order; its answer becomes bytes.

use bytes::Bytes;

use super::super::Shard;
use crate::base::ConnId;
use crate::base::Now;
use crate::kafka::api_versions;
use crate::kafka::session::Call;
use crate::kafka::session::read_call;
use crate::kafka::versions::ApiKey;
use crate::kafka::wire::DecodeError;
use crate::kafka::wire::EncodeError;
use crate::kafka::wire::Message;
use crate::kafka::wire::Request;
use crate::kafka::wire::Text;
use crate::kafka::wire::encode_response;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Part;

impl Shard {
    /// Takes one request off its connection.
    pub(in crate::shard) fn on_frame(
        &mut self,
        now: Now,
        conn: ConnId,
        frame: Bytes,
        out: &mut Effects,
    ) {
        let Some(connection) = self.clients.conns.get_mut(&conn) else { return };
        let frame_bytes = frame.len();
        let call = match read_call(frame) {
            Ok(call) => call,
            Err(fault) => {
                return self.close(now, conn, CloseReason::Malformed(fault.to_string()), out);
            }
        };
        let slot = connection.open_slot(call.api, frame_bytes);
        let Call { api, version, correlation, client_id, body } = call;
        let exchange = Exchange { conn, slot, api, version, correlation };
        self.dispatch(now, exchange, client_id, body, out);
    }

    fn dispatch(
        &mut self,
        now: Now,
        exchange: Exchange,
        client_id: Option<Text>,
        body: Bytes,
        out: &mut Effects,
    ) {
        match exchange.api {
            ApiKey::Produce => self.on_produce(now, exchange, body, out),
            ApiKey::Fetch => self.on_fetch(now, exchange, body, out),
            ApiKey::ListOffsets => self.on_list_offsets(now, exchange, body, out),
            ApiKey::DeleteRecords => self.on_delete_records_request(now, exchange, body, out),
            ApiKey::OffsetForLeaderEpoch => self.on_leader_epochs(now, exchange, body, out),
            ApiKey::InitProducerId => self.on_init_producer_id(now, exchange, body, out),
            ApiKey::DescribeLogDirs => self.on_describe_log_dirs(now, exchange, body, out),
            ApiKey::DescribeProducers => self.on_describe_producers(now, exchange, body, out),
            ApiKey::ApiVersions => self.on_api_versions(now, exchange, body, out),
            ApiKey::Metadata
            | ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::DescribeConfigs
            | ApiKey::CreatePartitions
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::AlterConfigs
            | ApiKey::ListConfigResources
            | ApiKey::DescribeClientQuotas
            | ApiKey::AlterClientQuotas
            | ApiKey::DescribeAcls
            | ApiKey::CreateAcls
            | ApiKey::DeleteAcls
            | ApiKey::DescribeUserScramCredentials
            | ApiKey::DescribeCluster
            | ApiKey::DescribeTopicPartitions
            | ApiKey::FindCoordinator => self.on_admin(now, exchange, body, out),
            ApiKey::JoinGroup
            | ApiKey::SyncGroup
            | ApiKey::Heartbeat
            | ApiKey::LeaveGroup
            | ApiKey::OffsetCommit
            | ApiKey::OffsetFetch
            | ApiKey::DescribeGroups
            | ApiKey::ListGroups
            | ApiKey::DeleteGroups
            | ApiKey::OffsetDelete
            | ApiKey::ConsumerGroupHeartbeat
            | ApiKey::ConsumerGroupDescribe => {
                self.on_group_request(now, exchange, client_id, body, out);
            }
        }
    }

    fn on_api_versions(&mut self, now: Now, exchange: Exchange, body: Bytes, out: &mut Effects) {
        match api_versions::answer(exchange.version, exchange.correlation, body) {
            Ok(frame) => self.complete(now, exchange, vec![Part::Bytes(frame)], out),
            Err(error) => self.refuse_malformed(now, exchange, &error, out),
        }
    }

    /// The body of a request, or the end of its connection.
    pub(in crate::shard) fn read_body<R: Request>(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) -> Option<R> {
        match R::decode_body(exchange.version, body) {
            Ok(request) => Some(request),
            Err(error) => {
                self.refuse_malformed(now, exchange, &error, out);
                None
            }
        }
    }

    /// Bytes that are no request: as Kafka does, the connection is closed.
    pub(in crate::shard) fn refuse_malformed(
        &mut self,
        now: Now,
        exchange: Exchange,
        error: &DecodeError,
        out: &mut Effects,
    ) {
        self.close(now, exchange.conn, CloseReason::Malformed(error.to_string()), out);
    }

    /// Answers a request, whose connection may be closed by now.
    pub(in crate::shard) fn reply<M: Message>(
        &mut self,
        now: Now,
        exchange: Exchange,
        response: &M,
        out: &mut Effects,
    ) {
        match encode_response(exchange.version, exchange.correlation, response) {
            Ok(frame) => self.complete(now, exchange, vec![Part::Bytes(frame)], out),
            Err(error) => self.fail_encoding(now, exchange, &error, out),
        }
    }

    /// An answer that its version cannot carry: the client must not wait for it.
    pub(in crate::shard) fn fail_encoding(
        &mut self,
        now: Now,
        exchange: Exchange,
        error: &EncodeError,
        out: &mut Effects,
    ) {
        tracing::error!(api = %exchange.api, version = exchange.version, %error, "kafka: no answer");
        self.close(now, exchange.conn, CloseReason::Malformed(error.to_string()), out);
    }

    /// The whole frame of an answer, or nothing where none is wanted. It leaves once all answers
    /// before it have left.
    pub(in crate::shard) fn complete(
        &mut self,
        now: Now,
        exchange: Exchange,
        parts: Vec<Part>,
        out: &mut Effects,
    ) {
        let Some(connection) = self.clients.conns.get_mut(&exchange.conn) else { return };
        connection.answer(exchange.slot, parts);
        self.send_answered(now, exchange.conn, out);
    }
}
