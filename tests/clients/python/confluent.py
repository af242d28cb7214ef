"""confluent-kafka: librdkafka."""

import confluent_kafka
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

from records import Loop, packed, unpack

# Of a member whose broker or session is gone for a while.
PASSING = (confluent_kafka.KafkaError._MAX_POLL_EXCEEDED, confluent_kafka.KafkaError._ALL_BROKERS_DOWN, confluent_kafka.KafkaError._TRANSPORT)


class Client:
    def __init__(self, address):
        self.settings = {"bootstrap.servers": address, "broker.address.family": "v4", "reconnect.backoff.max.ms": 200}
        self.member = None

    def name_of(self, error):
        cause = error.args[0] if error.args else error
        return cause.name() if isinstance(cause, confluent_kafka.KafkaError) else repr(error)

    def produce(self, topic, codec, records):
        producer = confluent_kafka.Producer({**self.settings, "compression.type": codec, "linger.ms": 20})
        failures = []
        for record in records:
            producer.produce(topic, key=unpack(record["key"]), value=unpack(record["value"]), partition=0, timestamp=record["time"],
                             headers=[(name, unpack(content)) for name, content in record["headers"]],
                             on_delivery=lambda error, _: failures.append(error) if error else None)
        if producer.flush(60) or failures:
            raise confluent_kafka.KafkaException(*failures[:1])
        return len(records)

    def read(self, topic, count):
        consumer = confluent_kafka.Consumer({**self.settings, "group.id": "unused", "enable.auto.commit": False})
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        records = []
        while len(records) < count and (message := consumer.poll(30)) is not None:
            if message.error():
                raise confluent_kafka.KafkaException(message.error())
            records.append(packed(message.offset(), message.key(), message.value(), message.headers() or [], message.timestamp()[1]))
        consumer.close()
        return records

    def join(self, group, topic, session, saw):
        consumer = confluent_kafka.Consumer({
            **self.settings, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": session,
            "heartbeat.interval.ms": 500, "max.poll.interval.ms": 60_000, "partition.assignment.strategy": "range"})
        consumer.subscribe([topic])

        def turn():
            message = consumer.poll(0.1)
            if message is None:
                return
            if message.error():
                if message.error().code() not in PASSING:
                    raise confluent_kafka.KafkaException(message.error())
                return
            saw([message.value().decode()])
            try:
                consumer.commit(message, asynchronous=False)
            except confluent_kafka.KafkaException:
                pass  # it is read again, by whoever has the partition

        self.member = Loop(turn, consumer.close)

    def leave(self):
        self.member.leave()

    def admin(self, step, topic, group, partitions, value):
        admin = AdminClient(self.settings)
        resource = ConfigResource(ResourceType.TOPIC, topic)

        def one(futures):
            return next(iter(futures.values())).result(30)

        if step == "create":
            one(admin.create_topics([NewTopic(topic, partitions, 1, config={"retention.ms": value})]))
        elif step == "grow":
            one(admin.create_partitions([NewPartitions(topic, partitions)]))
        elif step == "partitions":
            return str(len(admin.list_topics(topic, timeout=30).topics[topic].partitions))
        elif step == "config":
            return one(admin.describe_configs([resource]))["retention.ms"].value
        elif step == "alter":
            entry = ConfigEntry("retention.ms", value, incremental_operation=AlterConfigOpType.SET)
            one(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))
        elif step == "groups":
            return "listed" if group in [listed.group_id for listed in admin.list_consumer_groups().result(30).valid] else "not listed"
        elif step == "group":
            return one(admin.describe_consumer_groups([group])).state.name
        elif step == "offsets":
            asked = confluent_kafka.ConsumerGroupTopicPartitions(group)
            return str(sum(at.offset for at in one(admin.list_consumer_group_offsets([asked])).topic_partitions))
        elif step == "delete-group":
            one(admin.delete_consumer_groups([group]))
        elif step == "delete":
            one(admin.delete_topics([topic]))
        return "done"
