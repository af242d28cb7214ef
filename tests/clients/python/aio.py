"""aiokafka. Its loop runs in a thread of its own."""

import asyncio
import threading

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from records import packed, unpack


class Commits(aiokafka.ConsumerRebalanceListener):
    """A rebalance, which aiokafka starts in the background, waits until what was read is committed."""

    def __init__(self, reading):
        self.reading = reading

    async def on_partitions_revoked(self, revoked):
        async with self.reading:
            pass

    async def on_partitions_assigned(self, assigned):
        pass


class Refused(Exception):
    """An answer of the broker's with an error in it, which aiokafka gives as it is."""


class Client:
    def __init__(self, address):
        self.address = address
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.member, self.ends = None, None

    def name_of(self, error):
        return str(error) if isinstance(error, Refused) else type(error).__name__

    def await_(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def produce(self, topic, codec, records):
        async def all_of_them():
            producer = aiokafka.AIOKafkaProducer(bootstrap_servers=self.address, compression_type=None if codec == "none" else codec, linger_ms=20)
            await producer.start()
            try:
                sent = [await producer.send(topic, key=unpack(record["key"]), value=unpack(record["value"]), partition=0, timestamp_ms=record["time"],
                                            headers=[(name, unpack(content)) for name, content in record["headers"]]) for record in records]
                for future in sent:
                    await future
            finally:
                await producer.stop()
            return len(records)

        return self.await_(all_of_them())

    def read(self, topic, count):
        async def all_of_them():
            consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=self.address, enable_auto_commit=False)
            partition = aiokafka.TopicPartition(topic, 0)
            await consumer.start()
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            records = []
            try:
                while len(records) < count:
                    message = await asyncio.wait_for(consumer.getone(), 30)
                    records.append(packed(message.offset, message.key, message.value, message.headers, message.timestamp))
            finally:
                await consumer.stop()
            return records

        return self.await_(all_of_them())

    def join(self, group, topic, session, saw):
        async def consume():
            consumer = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self.address, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", session_timeout_ms=session,
                heartbeat_interval_ms=500, max_poll_interval_ms=60_000, partition_assignment_strategy=(RangePartitionAssignor,))
            reading = asyncio.Lock()
            consumer.subscribe([topic], listener=Commits(reading))
            await consumer.start()
            while not self.ends.is_set():
                # Not with the lock held: what it waits for may be the rebalance's end.
                fetched = await consumer.getmany(timeout_ms=100)
                async with reading:
                    for partition, messages in fetched.items():
                        saw([message.value.decode() for message in messages])
                        try:
                            await consumer.commit({partition: messages[-1].offset + 1})
                        except (aiokafka.errors.KafkaError, aiokafka.errors.IllegalStateError):
                            pass  # it is read again, by whoever has the partition
            await consumer.stop()

        self.ends = threading.Event()
        self.member = asyncio.run_coroutine_threadsafe(consume(), self.loop)

    def leave(self):
        self.ends.set()
        self.member.result()

    def admin(self, step, topic, group, partitions, value):
        async def one():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                return await self.ask(admin, step, topic, group, partitions, value)
            finally:
                await admin.close()

        return self.await_(one())

    async def ask(self, admin, step, topic, group, partitions, value):
        if step == "create":
            done = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={"retention.ms": value})])
            refuse(done.topic_errors[0][1])
        elif step == "grow":
            refuse((await admin.create_partitions({topic: NewPartitions(partitions)})).topic_errors[0][1])
        elif step == "partitions":
            described = (await admin.describe_topics([topic]))[0]
            refuse(described["error_code"])
            return str(len(described["partitions"]))
        elif step == "config":
            answer = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            entries = answer[0].resources[0][4]
            return next(entry[1] for entry in entries if entry[0] == "retention.ms")
        elif step == "alter":
            answer = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": value})])
            refuse(answer[0].resources[0][0])
        elif step == "groups":
            return "listed" if group in [listed[0] for listed in await admin.list_consumer_groups()] else "not listed"
        elif step == "group":
            return (await admin.describe_consumer_groups([group]))[0].groups[0][2]
        elif step == "offsets":
            return str(sum(at.offset for at in (await admin.list_consumer_group_offsets(group)).values()))
        elif step == "delete-group":
            return "not in this client"
        elif step == "delete":
            refuse((await admin.delete_topics([topic])).topic_error_codes[0][1])
        return "done"


def refuse(code):
    if code:
        raise Refused(aiokafka.errors.for_code(code).__name__)
