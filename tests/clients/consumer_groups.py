"""Groups of the consumer protocol (KIP-848) of clients that we did not write, and groups that move to it and back.

confluent-kafka with group.protocol=consumer, by topic and by regular expression; Kafka's console consumer and
kafka-consumer-groups; members of both protocols in one group, which becomes a consumer group and a classic one again.
"""

import os
import subprocess
import sys
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

import groups
import harness


class Consumer(groups.Member):
    """A member of the consumer protocol. It commits what it read before it asks for more."""

    def consume(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.address, "broker.address.family": "v4", "group.id": self.group,
            "group.protocol": "consumer", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "max.poll.interval.ms": 60_000, "reconnect.backoff.max.ms": 200,
            "topic.metadata.refresh.interval.ms": 1_000})
        consumer.subscribe([self.topic])
        while not self.ends.is_set():
            if self.stands_still.is_set():
                time.sleep(0.05)
                continue
            message = consumer.poll(0.1)
            if message is None:
                continue
            if message.error():
                code = message.error().code()
                assert code in (confluent_kafka.KafkaError._ALL_BROKERS_DOWN,
                                confluent_kafka.KafkaError._TRANSPORT,
                                confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART), message.error()
                continue
            self.seen.add(message.value())
            try:
                consumer.commit(message, asynchronous=False)
            except confluent_kafka.KafkaException:
                pass  # the partition went elsewhere, or the broker died: the record is read again
        consumer.close()


def tool(address, *arguments):
    """What kafka-consumer-groups prints."""
    command = ["java", "-cp", f"{os.environ['KAFKA_JARS']}/*",
               "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", address,
               "--timeout", "60000", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=groups.PATIENCE)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def described(broker, group, *what):
    """A dict for each row of the tool's table."""
    lines = [line.split() for line in tool(broker.address, "--describe", "--group", group, *what).splitlines()]
    lines = [line for line in lines if line]
    head = next(index for index, line in enumerate(lines) if line[0] in ("GROUP", "TOPIC"))
    return [dict(zip(lines[head], line)) for line in lines[head + 1:]]


def state_of(broker, group):
    table = described(broker, group, "--state", "--verbose")
    return " ".join(str(value) for value in table[0].values())


def by_topic(broker, admin, producer, partitions):
    topic, group = f"consumers-{partitions}", f"consumers-{partitions}"
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    seen = groups.Seen()

    def start():
        member = Consumer(broker.address, group, topic, seen)
        member.start()
        return member

    def progress(members, what):
        values = groups.produce(producer, topic, what, 200)
        groups.await_all(seen, values, members, f"{group}, {what}")

    members = [start()]
    progress(members, "one")
    members += [start(), start()]
    progress(members, "three")
    members.pop(0).leave()
    progress(members, "left")
    repeated = seen.repeated()
    assert not repeated, f"{group}: {len(repeated)} records came twice: {repeated[:3]}"
    broker.kill()
    broker.start()
    progress(members, "after-a-kill")
    for member in members:
        member.leave()
    print(f"{group}: {sum(seen.times.values())} reads of {len(seen.times)} records", flush=True)


def by_pattern(broker, admin, producer):
    seen = groups.Seen()
    member = Consumer(broker.address, "patterns", "^pattern-.*", seen)
    admin.create_topics([NewTopic("pattern-one", 2, 1)])["pattern-one"].result(30)
    member.start()
    groups.await_all(seen, groups.produce(producer, "pattern-one", "one", 100), [member], "a pattern")
    admin.create_topics([NewTopic("pattern-two", 2, 1)])["pattern-two"].result(30)
    groups.await_all(seen, groups.produce(producer, "pattern-two", "two", 100), [member], "a later topic")
    member.leave()
    print("patterns: topics of before and of later", flush=True)


def migration(broker, admin, producer):
    topic, group = "migration", "migration"
    admin.create_topics([NewTopic(topic, 6, 1)])[topic].result(30)
    seen = groups.Seen()

    def start(kind):
        member = kind(broker.address, group, topic, seen)
        member.start()
        return member

    def progress(members, what):
        values = groups.produce(producer, topic, what, 200)
        groups.await_all(seen, values, members, f"{group}, {what}")

    def kind():
        listed = admin.list_consumer_groups().result(30).valid
        return next(found.type.name for found in listed if found.group_id == group)

    members = [start(groups.Confluent), start(groups.Confluent)]
    progress(members, "classic")
    assert kind() == "CLASSIC", kind()
    members.append(start(Consumer))
    progress(members, "both")
    assert kind() == "CONSUMER", kind()
    for _ in range(2):
        members.pop(0).leave()
        progress(members, "fewer-classic")
    members.append(start(Consumer))
    progress(members, "consumers")
    assert kind() == "CONSUMER", kind()
    members.append(start(groups.Confluent))
    progress(members, "both-again")
    for _ in range(2):
        members.pop(0).leave()
    progress(members, "classic-again")
    assert kind() == "CLASSIC", kind()
    members.pop().leave()
    print(f"{group}: up and down, {sum(seen.times.values())} reads of {len(seen.times)} records", flush=True)


def console(broker, admin, producer):
    topic, group = "console", "console"
    admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(30)
    groups.produce(producer, topic, "console", 300)
    command = ["java", "-cp", f"{os.environ['KAFKA_JARS']}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer",
               "--bootstrap-server", broker.address, "--topic", topic, "--group", group, "--from-beginning",
               "--command-property",
               "group.protocol=consumer"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [reader.stdout.readline().strip() for _ in range(300)]
    assert sorted(lines) == sorted(f"console-{number}" for number in range(300)), lines[:3]
    members = described(broker, group, "--members", "--verbose")
    assert len(members) == 1 and members[0]["#PARTITIONS"] == "3", members
    assert "Stable" in state_of(broker, group), state_of(broker, group)
    assert sorted(row["PARTITION"] for row in described(broker, group)) == ["0", "1", "2"]
    reader.terminate()
    reader.wait(groups.PATIENCE)
    rows = described(broker, group)
    assert sum(int(row["CURRENT-OFFSET"]) for row in rows) == 300, rows
    tool(broker.address, "--delete", "--group", group)
    assert group not in tool(broker.address, "--list").split()
    print("console consumer and kafka-consumer-groups of the consumer protocol", flush=True)


def main():
    passed = 0
    with harness.broker(options=("--group-initial-rebalance-delay-ms", "500",
                                 "--group-consumer-min-heartbeat-interval-ms", "500",
                                 "--group-consumer-heartbeat-interval-ms", "500")) as broker:
        settings = {"bootstrap.servers": broker.address, "broker.address.family": "v4"}
        admin = AdminClient(settings)
        producer = confluent_kafka.Producer({**settings, "enable.idempotence": True,
                                             "reconnect.backoff.max.ms": 200})
        for partitions in (1, 10):
            by_topic(broker, admin, producer, partitions)
            passed += 1
        for story in (by_pattern, migration, console):
            story(broker, admin, producer)
            passed += 1
    harness.report(passed)


if __name__ == "__main__":
    sys.exit(main())
