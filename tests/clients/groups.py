"""Consumer groups across kill -9 of the broker, and rebalances that are cooperative.

Groups of confluent-kafka and kafka-python together, and cooperative ones of confluent-kafka, over 1, 10 and 100 partitions. After every story the
group makes progress: what is produced then is read, every record at least once, and exactly once where nobody died. The stories in which the
broker lives are told with every client in matrix.py.
"""

import collections
import sys
import threading
import time

import confluent_kafka
import kafka
from confluent_kafka.admin import AdminClient, NewTopic

import harness

PARTITIONS = (1, 10, 100)
PATIENCE = 120
SESSION_MS = 6_000


class Seen:
    """Which records were read, and how often, by all members of a group."""

    def __init__(self):
        self.lock = threading.Lock()
        self.times = collections.Counter()

    def add(self, value):
        with self.lock:
            self.times[value] += 1

    def missing(self, values):
        with self.lock:
            return [value for value in values if value not in self.times]

    def repeated(self):
        with self.lock:
            return [value for value, times in self.times.items() if times > 1]


class Member(threading.Thread):
    """One consumer in a thread. It commits what it read before it asks for more."""

    def __init__(self, address, group, topic, seen):
        super().__init__(daemon=True)
        self.address, self.group, self.topic, self.seen = address, group, topic, seen
        self.ends = threading.Event()
        self.stands_still = threading.Event()
        self.error = None

    def run(self):
        try:
            self.consume()
        except Exception as error:  # noqa: BLE001: it is reported where the member is awaited
            self.error = error

    def leave(self):
        self.ends.set()
        self.join(PATIENCE)
        assert not self.is_alive(), f"{self} does not end"
        if self.error:
            raise self.error


class Confluent(Member):
    STRATEGY = "range,roundrobin"

    def consume(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.address, "broker.address.family": "v4", "group.id": self.group,
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": 500, "max.poll.interval.ms": SESSION_MS + 1_000,
            "partition.assignment.strategy": self.STRATEGY, "reconnect.backoff.max.ms": 200})
        uncommitted = {}

        def commit():
            """What a rebalance kept from being committed is committed after it, or before its partition is given up."""
            try:
                consumer.commit(offsets=[confluent_kafka.TopicPartition(self.topic, *place) for place in uncommitted.items()], asynchronous=False)
                uncommitted.clear()
            except confluent_kafka.KafkaException:
                pass  # a rebalance, or the broker's death, came in between

        def on_revoke(_, partitions):
            if uncommitted:
                commit()
            for revoked in partitions:
                uncommitted.pop(revoked.partition, None)

        consumer.subscribe([self.topic], on_revoke=on_revoke)
        while not self.ends.is_set():
            if self.stands_still.is_set():
                time.sleep(0.05)
                continue
            message = consumer.poll(0.1)
            if message is not None and message.error():
                code = message.error().code()
                assert code in (confluent_kafka.KafkaError._MAX_POLL_EXCEEDED,
                                confluent_kafka.KafkaError._ALL_BROKERS_DOWN,
                                confluent_kafka.KafkaError._TRANSPORT), message.error()
                continue
            if message is not None:
                self.seen.add(message.value())
                uncommitted[message.partition()] = message.offset() + 1
            if uncommitted:
                commit()
        if uncommitted:
            commit()
        consumer.close()


class Cooperative(Confluent):
    STRATEGY = "cooperative-sticky"


class KafkaPython(Member):
    def consume(self):
        consumer = kafka.KafkaConsumer(
            self.topic, bootstrap_servers=self.address, group_id=self.group, enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=SESSION_MS, heartbeat_interval_ms=500,
            max_poll_interval_ms=SESSION_MS + 1_000, reconnect_backoff_max_ms=200)
        while not self.ends.is_set():
            if self.stands_still.is_set():
                time.sleep(0.05)
                continue
            for partition, records in consumer.poll(100).items():
                for record in records:
                    self.seen.add(record.value)
                last = records[-1]
                try:
                    consumer.commit({partition: kafka.OffsetAndMetadata(last.offset + 1, "", -1)})
                except kafka.errors.KafkaError:
                    pass  # a rebalance, or the broker's death, came in between: the record is read again
        consumer.close(autocommit=False)


def produce(producer, topic, name, count):
    values = [b"%s-%d" % (name.encode(), number) for number in range(count)]
    for number, value in enumerate(values):
        producer.produce(topic, key=b"%d" % number, value=value)
    assert producer.flush(PATIENCE) == 0
    return values


def await_all(seen, values, members, what):
    deadline = time.monotonic() + PATIENCE
    while missing := seen.missing(values):
        for member in members:
            if member.error:
                raise member.error
        assert time.monotonic() < deadline, f"{what}: {len(missing)} of {len(values)} were not read"
        time.sleep(0.05)


def stories(broker, admin, producer, kinds, partitions, can_die):
    name = "-".join(kind.__name__.lower() for kind in kinds) + f"-{partitions}"
    topic = f"groups-{name}"
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    seen = Seen()

    def start(number):
        member = kinds[number % len(kinds)](broker.address, f"group-{name}", topic, seen)
        member.start()
        return member

    def progress(members, what):
        await_all(seen, produce(producer, topic, what, 200), members, f"{name}, {what}")

    members = [start(0)]
    progress(members, "one")
    members += [start(1), start(2)]
    progress(members, "three")
    members.pop(0).leave()
    progress(members, "left")
    members.append(start(3))
    progress(members, "another")
    if can_die:
        # Beyond the session's end and the time between two polls: it is given up, and comes back.
        members[0].stands_still.set()
        time.sleep(SESSION_MS / 1000 + 3)
        progress(members[1:], "one-stands-still")
        members[0].stands_still.clear()
        progress(members, "it-came-back")
        broker.kill()
        broker.start()
        progress(members, "after-a-kill")
    else:
        repeated = seen.repeated()
        assert not repeated, f"{name}: {len(repeated)} records came twice: {repeated[:3]}"
    for member in members:
        member.leave()
    print(f"{name}: {sum(seen.times.values())} reads of {len(seen.times)} records", flush=True)


def main():
    passed = 0
    with harness.broker(options=("--group-initial-rebalance-delay-ms", "500")) as broker:
        settings = {"bootstrap.servers": broker.address, "broker.address.family": "v4"}
        admin = AdminClient(settings)
        producer = confluent_kafka.Producer({**settings, "enable.idempotence": True,
                                             "reconnect.backoff.max.ms": 200})
        for partitions in PARTITIONS:
            for kinds, can_die in (((Cooperative,), False), ((Confluent, KafkaPython), True)):
                stories(broker, admin, producer, kinds, partitions, can_die)
                passed += 1
    harness.report(passed)


if __name__ == "__main__":
    sys.exit(main())
