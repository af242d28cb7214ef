"""kafka-python."""

import kafka
from kafka.admin import ConfigResource
from kafka.admin import ConfigResourceType
from kafka.admin import KafkaAdminClient
from kafka.admin import NewPartitions
from kafka.admin import NewTopic

from records import Loop, packed, unpack


class Client:
    def __init__(self, address):
        self.address = address
        self.member = None

    def name_of(self, error):
        return type(error).__name__ if isinstance(error, kafka.errors.KafkaError) else repr(error)

    def produce(self, topic, codec, records):
        producer = kafka.KafkaProducer(bootstrap_servers=self.address, max_request_size=1_040_000, linger_ms=20,
                                       compression_type=None if codec == "none" else codec)
        futures = [producer.send(topic, key=unpack(record["key"]), value=unpack(record["value"]), partition=0, timestamp_ms=record["time"],
                                 headers=[(name, unpack(content)) for name, content in record["headers"]]) for record in records]
        for future in futures:
            future.get(60)
        producer.close()
        return len(records)

    def read(self, topic, count):
        consumer = kafka.KafkaConsumer(bootstrap_servers=self.address, consumer_timeout_ms=30_000, group_id=None)
        consumer.assign([kafka.TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        records = []
        for message in consumer:
            records.append(packed(message.offset, message.key, message.value, message.headers, message.timestamp))
            if len(records) == count:
                break
        consumer.close()
        return records

    def join(self, group, topic, session, saw):
        # It forgets that it wanted metadata when an answer comes that was asked for earlier; by default it asks again after five minutes.
        consumer = kafka.KafkaConsumer(
            topic, bootstrap_servers=self.address, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", session_timeout_ms=session,
            heartbeat_interval_ms=500, max_poll_interval_ms=60_000, reconnect_backoff_max_ms=200, metadata_max_age_ms=5_000,
            partition_assignment_strategy=[kafka.coordinator.assignors.range.RangePartitionAssignor])

        def turn():
            try:
                polled = consumer.poll(100)
            except kafka.errors.KafkaConnectionError:
                return  # the broker was killed; it comes back
            for partition, messages in polled.items():
                saw([message.value.decode() for message in messages])
                try:
                    consumer.commit({partition: kafka.OffsetAndMetadata(messages[-1].offset + 1, "", -1)})
                except kafka.errors.KafkaError:
                    pass  # it is read again, by whoever has the partition

        self.member = Loop(turn, lambda: consumer.close(autocommit=False))

    def leave(self):
        self.member.leave()

    def admin(self, step, topic, group, partitions, value):
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            return self.ask(admin, step, topic, group, partitions, value)
        finally:
            admin.close()

    def ask(self, admin, step, topic, group, partitions, value):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": value})
        if step == "create":
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={"retention.ms": value})])
        elif step == "grow":
            admin.create_partitions({topic: NewPartitions(partitions)})
        elif step == "partitions":
            return str(len(admin.describe_topics([topic])[0]["partitions"]))
        elif step == "config":
            return str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]["retention.ms"]["value"])
        elif step == "alter":
            admin.alter_configs([resource])
        elif step == "groups":
            return "listed" if group in [listed["group_id"] for listed in admin.list_groups()] else "not listed"
        elif step == "group":
            return str(admin.describe_groups([group])[group]["group_state"])
        elif step == "offsets":
            return str(sum(at.offset for at in admin.list_group_offsets([group])[group].values()))
        elif step == "delete-group":
            return str(admin.delete_groups([group])[group])
        elif step == "delete":
            admin.delete_topics([topic])
        return "done"
