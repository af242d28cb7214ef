//! Administrative requests and the controller, as the shard meets them: requests are answered from
//! the image at their home shard, or wait there for the controller of shard 0.

mod controlling;
mod journal;
mod waiting;

use bytes::Bytes;

use crate::base::Now;
use crate::base::Offset;
use crate::base::ShardId;
use crate::kafka::AdminContext;
use crate::kafka::alter_configs;
use crate::kafka::client_quotas;
use crate::kafka::create_partitions;
use crate::kafka::create_topics;
use crate::kafka::delete_topics;
use crate::kafka::describe_cluster;
use crate::kafka::describe_configs;
use crate::kafka::describe_topic_partitions;
use crate::kafka::groups;
use crate::kafka::list_config_resources;
use crate::kafka::messages::AlterClientQuotasRequest;
use crate::kafka::messages::AlterConfigsRequest;
use crate::kafka::messages::CreateAclsRequest;
use crate::kafka::messages::CreatePartitionsRequest;
use crate::kafka::messages::CreateTopicsRequest;
use crate::kafka::messages::DeleteAclsRequest;
use crate::kafka::messages::DeleteTopicsRequest;
use crate::kafka::messages::DescribeAclsRequest;
use crate::kafka::messages::DescribeClientQuotasRequest;
use crate::kafka::messages::DescribeClusterRequest;
use crate::kafka::messages::DescribeConfigsRequest;
use crate::kafka::messages::DescribeTopicPartitionsRequest;
use crate::kafka::messages::DescribeUserScramCredentialsRequest;
use crate::kafka::messages::FindCoordinatorRequest;
use crate::kafka::messages::IncrementalAlterConfigsRequest;
use crate::kafka::messages::ListConfigResourcesRequest;
use crate::kafka::messages::MetadataRequest;
use crate::kafka::metadata;
use crate::kafka::security;
use crate::kafka::versions::ApiKey;
use crate::kafka::wire::Request;
use crate::metadata::Command;
use crate::metadata::Image;
use crate::metadata::Publication;
use crate::metadata::Resource;
use crate::shard::AdminMessage;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Exchange;
use crate::shard::Message;
use crate::shard::Shard;
use crate::shard::limits;

use controlling::Controlling;
use waiting::Asked;
use waiting::Waiting;

/// The shard that the controller lives on.
const CONTROLLER: ShardId = ShardId(0);

#[derive(Debug, Default)]
pub(super) struct Admin {
    /// Requests of this shard that wait for the controller.
    waiting: Waiting,
    /// On shard 0: where the controller stands.
    controlling: Controlling,
    /// The controller wrote to the metadata strand since the last commit.
    appended: bool,
    /// When the topic of the coordinators may be asked for again, in `Now::mono_us`.
    coordinators_us: u64,
}

impl Admin {
    /// Whether the topic that coordinators live in may be made, if it is missing: clients that look
    /// for one at the same time must not each have it made.
    fn may_make_coordinators(&mut self, now: Now) -> bool {
        let may = now.mono_us >= self.coordinators_us;
        if may {
            self.coordinators_us = now.mono_us.saturating_add(limits::COORDINATORS_PAUSE_US);
        }
        may
    }

    pub(super) fn take_appended(&mut self) -> bool {
        std::mem::take(&mut self.appended)
    }

    /// The strands had their turn: what comes first in a fresh one is there before any entry.
    pub(super) fn on_committed(&mut self) {
        self.controlling.arm();
    }
}

/// How a request is answered.
enum Reply<R> {
    Now(R),
    /// At once, and something is asked of the controller that nobody waits for.
    NowAnd(R, Command),
    /// When the controller has answered, or the time in milliseconds is over.
    Later(Command, Asked, i32),
}

impl Shard {
    /// A request that reads or changes metadata.
    pub(super) fn on_admin(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
    ) {
        match exchange.api {
            ApiKey::Metadata => {
                self.serve(now, exchange, body, out, |context, request: MetadataRequest| {
                    match metadata::answer(context, &request) {
                        (response, None) => Reply::Now(response),
                        (response, Some(command)) => Reply::NowAnd(response, command),
                    }
                });
            }
            ApiKey::FindCoordinator => {
                let may_make = self.admin.may_make_coordinators(now);
                self.serve(now, exchange, body, out, |context, request: FindCoordinatorRequest| {
                    match groups::find(context, &request) {
                        (response, Some(command)) if may_make => Reply::NowAnd(response, command),
                        (response, _) => Reply::Now(response),
                    }
                });
            }
            ApiKey::CreateTopics => {
                self.serve(now, exchange, body, out, |_, request: CreateTopicsRequest| {
                    let timeout_ms = request.timeout_ms;
                    let (command, asked) = create_topics::ask(request);
                    Reply::Later(command, Asked::CreateTopics(exchange, asked), timeout_ms)
                });
            }
            ApiKey::DeleteTopics => {
                self.serve(now, exchange, body, out, |context, request: DeleteTopicsRequest| {
                    let timeout_ms = request.timeout_ms;
                    let (command, asked) = delete_topics::ask(context, request);
                    Reply::Later(command, Asked::DeleteTopics(exchange, asked), timeout_ms)
                });
            }
            ApiKey::CreatePartitions => {
                self.serve(now, exchange, body, out, |_, request: CreatePartitionsRequest| {
                    let timeout_ms = request.timeout_ms;
                    let (command, asked) = create_partitions::ask(request);
                    Reply::Later(command, Asked::CreatePartitions(exchange, asked), timeout_ms)
                });
            }
            ApiKey::IncrementalAlterConfigs => {
                self.serve(
                    now,
                    exchange,
                    body,
                    out,
                    |context, request: IncrementalAlterConfigsRequest| {
                        let (command, asked) = alter_configs::ask(context, request);
                        let asked = Asked::AlterConfigs(exchange, asked);
                        Reply::Later(command, asked, limits::COMMAND_TIMEOUT_MS)
                    },
                );
            }
            ApiKey::AlterConfigs => {
                self.serve(now, exchange, body, out, |context, request: AlterConfigsRequest| {
                    let (command, asked) = alter_configs::ask_to_replace(context, request);
                    let asked = Asked::ReplaceConfigs(exchange, asked);
                    Reply::Later(command, asked, limits::COMMAND_TIMEOUT_MS)
                });
            }
            ApiKey::AlterClientQuotas => {
                self.serve(now, exchange, body, out, |_, request: AlterClientQuotasRequest| {
                    let (command, asked) = client_quotas::ask(request);
                    let asked = Asked::AlterQuotas(exchange, asked);
                    Reply::Later(command, asked, limits::COMMAND_TIMEOUT_MS)
                });
            }
            _ => self.on_description(now, exchange, body, out),
        }
    }

    fn on_description(&mut self, now: Now, exchange: Exchange, body: Bytes, out: &mut Effects) {
        match exchange.api {
            ApiKey::DescribeConfigs => {
                self.serve(now, exchange, body, out, |context, request: DescribeConfigsRequest| {
                    Reply::Now(describe_configs::answer(context, &request))
                });
            }
            ApiKey::DescribeCluster => {
                self.serve(now, exchange, body, out, |context, request: DescribeClusterRequest| {
                    Reply::Now(describe_cluster::answer(context, &request))
                });
            }
            ApiKey::DescribeTopicPartitions => {
                self.serve(
                    now,
                    exchange,
                    body,
                    out,
                    |context, request: DescribeTopicPartitionsRequest| {
                        Reply::Now(describe_topic_partitions::answer(context, &request))
                    },
                );
            }
            ApiKey::ListConfigResources => {
                self.serve(
                    now,
                    exchange,
                    body,
                    out,
                    |context, request: ListConfigResourcesRequest| {
                        Reply::Now(list_config_resources::answer(context, &request))
                    },
                );
            }
            ApiKey::DescribeClientQuotas => {
                self.serve(
                    now,
                    exchange,
                    body,
                    out,
                    |context, request: DescribeClientQuotasRequest| {
                        Reply::Now(client_quotas::describe(context, &request))
                    },
                );
            }
            _ => self.on_security(now, exchange, body, out),
        }
    }

    fn on_security(&mut self, now: Now, exchange: Exchange, body: Bytes, out: &mut Effects) {
        match exchange.api {
            ApiKey::DescribeAcls => {
                self.serve(now, exchange, body, out, |_, _: DescribeAclsRequest| {
                    Reply::Now(security::describe_acls())
                });
            }
            ApiKey::CreateAcls => {
                self.serve(now, exchange, body, out, |_, request: CreateAclsRequest| {
                    Reply::Now(security::create_acls(&request))
                });
            }
            ApiKey::DeleteAcls => {
                self.serve(now, exchange, body, out, |_, request: DeleteAclsRequest| {
                    Reply::Now(security::delete_acls(&request))
                });
            }
            ApiKey::DescribeUserScramCredentials => {
                self.serve(
                    now,
                    exchange,
                    body,
                    out,
                    |_, request: DescribeUserScramCredentialsRequest| {
                        Reply::Now(security::describe_scram(&request))
                    },
                );
            }
            other => unreachable!("{other} is not an administrative request"),
        }
    }

    fn serve<R: Request>(
        &mut self,
        now: Now,
        exchange: Exchange,
        body: Bytes,
        out: &mut Effects,
        answer: impl FnOnce(AdminContext<'_>, R) -> Reply<R::Response>,
    ) {
        let Some(request) = self.read_body::<R>(now, exchange, body, out) else { return };
        let Some(connection) = self.clients.conns.get(&exchange.conn) else { return };
        let Some(image) = &self.image else {
            // The node is not ready, and nothing true can be said.
            return self.close(now, exchange.conn, CloseReason::Overload, out);
        };
        let listener = connection.listener;
        let context = AdminContext { image, listener, version: exchange.version };
        match answer(context, request) {
            Reply::Now(response) => self.reply(now, exchange, &response, out),
            Reply::NowAnd(response, command) => {
                self.send_command(now, Asked::Nobody, command, limits::COMMAND_TIMEOUT_MS, out);
                self.reply(now, exchange, &response, out);
            }
            Reply::Later(command, asked, timeout_ms) => {
                self.send_command(now, asked, command, timeout_ms, out);
            }
        }
    }

    /// Asks the controller for a block of producer ids: `on_producer_ids` follows.
    pub(super) fn ask_producer_ids(&mut self, now: Now, out: &mut Effects) {
        let command = Command::AllocateProducerIds;
        self.send_command(now, Asked::ProducerIds, command, limits::COMMAND_TIMEOUT_MS, out);
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
                let index = self.take_image(now, *publication, out);
                out.mesh.push((from, Message::Admin(AdminMessage::Confirm { index })));
            }
            AdminMessage::Confirm { index } => self.on_confirmed(now, from, index, out),
            AdminMessage::Command { ticket, command } => {
                self.on_command(now, ticket, command, out);
            }
            AdminMessage::Outcome { ticket, outcome } => {
                self.on_outcome(now, ticket, outcome, out);
            }
        }
    }

    /// Takes a publication over and gives its index.
    fn take_image(&mut self, now: Now, publication: Publication, out: &mut Effects) -> Offset {
        let index = publication.image.index();
        let before = self.image.as_ref().map_or(-1, Image::index);
        assert!(before < index, "images come in the order of their index");
        self.set_log_levels(&publication.image, out);
        self.on_image(now, publication, out);
        index
    }

    /// Loggers belong to the process: one shard speaks for all.
    fn set_log_levels(&self, image: &Image, out: &mut Effects) {
        let loggers = Resource::Loggers(image.layout().node);
        let set = image.state().resource(&loggers);
        let before = self.image.as_ref().and_then(|before| before.state().resource(&loggers));
        if self.config.id == CONTROLLER && before != set {
            out.log_levels = Some(set.cloned().unwrap_or_default());
        }
    }

    pub(super) fn on_admin_tick(&mut self, now: Now, out: &mut Effects) {
        self.expire_commands(now, out);
        self.retry_start(now);
    }

    pub(super) fn admin_deadline(&self) -> Option<u64> {
        [self.admin.waiting.deadline(), self.admin.controlling.deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}
