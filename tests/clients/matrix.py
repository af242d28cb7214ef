"""The client matrix: clients that we did not write, one family a run, compared with what they saw of Apache Kafka 4.3.1 (recorded.py).

    matrix.py FAMILY [--record | --kafka]      FAMILY: python, go, node, java, or mixed (groups of several families)

Every client writes records of every shape with every codec it has, which it and confluent-kafka read back; reads what confluent-kafka wrote; makes
calls of administration; and lives through the stories of a group over 1, 10 and 100 partitions: members join, leave, are killed, and stand still
for longer than their session; amid mixed groups the broker is killed. After each story the group makes progress: what is produced then is read,
each record at least once, and exactly once where nobody has died. `--record` runs the same against Kafka and keeps what it saw.
"""

import collections
import concurrent.futures
import hashlib
import sys
import threading
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

import harness
import recorded
from programs import CLIENTS, EVERY_CODEC, PATIENCE, WORK, Program

sys.path.append(str(harness.HERE / "python"))
from confluent import Client as Reference  # noqa: E402: it lies with the programs
from records import pack, unpack  # noqa: E402

PARTITIONS = (1, 10, 100)
SESSION_MS = 6_000
BATCH = 200
# So many clients of a family at once: most of a story is waiting.
SIDE_BY_SIDE = 3
MIXED = ("confluent-kafka", "java-4.3.1", "kafka-python", "kafkajs", "franz-go")
# Of the recent past: retention by time goes by it.
TIME = int(time.time() * 1000) - 123_456


def noise(size):
    """Bytes that no codec makes much smaller, the same in every run."""
    return b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(size // 32 + 1))[:size]


def shapes():
    """Name and record of everything that a record can look like."""
    def record(key, value, *headers):
        return {"key": pack(key), "value": pack(value), "headers": [[name, pack(content)] for name, content in headers], "time": TIME}

    sizes = [(f"{size} bytes", record(b"size", noise(size))) for size in (0, 1, 100, 4096, 65_536, 900_000)]
    return dict([*sizes,
                 ("null key", record(None, b"value")),
                 ("null value", record(b"key", None)),
                 ("headers", record(b"key", b"value", ("twice", b"1"), ("twice", b"2"), ("empty", b""))),
                 ("binary header", record(b"key", b"value", ("binary", bytes(range(256)))))])


def described(record):
    """A record as a record names it: short, and telling."""
    def content(packed):
        if packed is None:
            return "null"
        plain = unpack(packed)
        return f"{len(plain)} bytes {hashlib.sha256(plain).hexdigest()[:8]}"

    moment = "its time" if record["time"] == TIME else "another time"
    headers = ", ".join(f"{name}={content(value)}" for name, value in record["headers"])
    return f"key {content(record['key'])}; value {content(record['value'])}; headers [{headers}]; {moment}"


class Suite:
    """What the clients of a run saw."""

    def __init__(self, broker):
        self.broker = broker
        self.settings = {"bootstrap.servers": broker.address, "broker.address.family": "v4"}
        self.admin = AdminClient(self.settings)
        self.reference = Reference(broker.address)
        self.lock = threading.Lock()
        self.lines = {}

    def note(self, name, answer):
        with self.lock:
            assert name not in self.lines, name
            self.lines[name] = answer
        print(f"{name}: {answer}", flush=True)

    def create(self, topic, partitions=1):
        self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(60)
        # Kafka says that a topic is made before its brokers know of it; not all clients ask twice.
        while self.admin.list_topics(topic, timeout=60).topics[topic].error:
            time.sleep(0.05)

    def read_as_written(self, name, written, answer):
        """Notes how each record was read."""
        if "error" in answer:
            return self.note(name, f"refused: {answer['error']}")
        read = answer["records"]
        assert len(read) == len(written), f"{name}: {len(read)} of {len(written)} were read"
        assert [record["offset"] for record in read] == list(range(len(read))), name
        for shape, record in zip(written, read):
            same = {**record, "offset": None} == {**written[shape], "offset": None}
            self.note(f"{name}, {shape}", "as written" if same else f"as {described(record)}")
        return None


def read_and_write(suite, client, program):
    name = client.name
    shaped = shapes()
    if name == "kcat":
        # Headers are words of its command line.
        shaped.pop("binary header")
    for codec in client.codecs:
        topic = f"{name}-{codec}"
        suite.create(topic)
        answer = program.ask("produce", topic=topic, codec=codec, records=list(shaped.values()))
        if "error" in answer:
            suite.note(f"{name} {codec}", f"not written: {answer['error']}")
            continue
        by_reference = {"records": suite.reference.read(topic, len(shaped))}
        suite.read_as_written(f"{name} {codec}, read by the reference", shaped, by_reference)
        suite.read_as_written(f"{name} {codec}, read by itself", shaped, program.ask("read", topic=topic, count=len(shaped)))
    for codec in client.codecs:
        suite.read_as_written(f"{name} reads {codec} of the reference", shapes(),
                              program.ask("read", topic=f"reference-{codec}", count=len(shapes())))


def administer(suite, client, program, group):
    """Calls of administration, right ones and wrong ones, in an order in which each finds what it needs."""
    topic = f"{client.name}-admin"
    steps = (("creates", "create", 2, "100000"), ("creates again", "create", 2, "100000"), ("counts partitions", "partitions", 0, ""),
             ("grows", "grow", 3, ""), ("shrinks", "grow", 1, ""), ("counts grown partitions", "partitions", 0, ""),
             ("asks a config", "config", 0, ""), ("alters a config", "alter", 0, "200000"), ("alters it wrongly", "alter", 0, "soon"),
             ("asks the altered config", "config", 0, ""), ("lists groups", "groups", 0, ""), ("describes a group", "group", 0, ""),
             ("sums a group's offsets", "offsets", 0, ""), ("deletes a group", "delete-group", 0, ""),
             ("deletes it again", "delete-group", 0, ""), ("lists groups without it", "groups", 0, ""),
             ("deletes", "delete", 0, ""), ("deletes again", "delete", 0, ""))
    for name, step, partitions, value in steps:
        if step == "offsets" and not client.once:
            # What it read last it may have left uncommitted.
            continue
        answer = program.ask("admin", step=step, topic=topic, group=group, partitions=partitions, value=value)
        suite.note(f"{client.name} {name}", answer.get("answer") or f"refused: {answer.get('error')}")


class Group:
    """One group and what its members saw."""

    def __init__(self, suite, name, clients, partitions):
        self.suite, self.name, self.clients = suite, name, clients
        self.topic = self.group = f"{name}-{partitions}"
        self.story = f"{name} with {partitions} partitions"
        suite.create(self.topic, partitions)
        self.producer = confluent_kafka.Producer({**suite.settings, "enable.idempotence": True})
        self.partitions = partitions
        self.times = collections.Counter()
        self.heard = threading.Condition()
        self.members = []
        self.started = self.produced = 0

    def saw(self, values):
        with self.heard:
            self.times.update(values)
            self.heard.notify_all()

    def join(self):
        client = self.clients[self.started % len(self.clients)]
        self.started += 1
        member = Program(client, self.suite.broker.address, self.saw)
        self.members.append(member)
        member.must("join", group=self.group, topic=self.topic, session=SESSION_MS)

    def progress(self, what):
        """What is produced from here on is read by somebody, whatever happened before."""
        values = [f"{what}-{number}" for number in range(BATCH)]
        for number, value in enumerate(values):
            self.producer.produce(self.topic, value=value, partition=number % self.partitions)
        assert self.producer.flush(PATIENCE) == 0
        self.produced += len(values)
        with self.heard:
            if not self.heard.wait_for(lambda: all(value in self.times for value in values), PATIENCE):
                missing = sum(value not in self.times for value in values)
                raise SystemExit(f"{self.story}, {what}: {missing} of {BATCH} were not read within {PATIENCE} s; {self.seen_by_the_broker()}")
        self.suite.note(f"{self.story}, {what}", "all were read")

    def seen_by_the_broker(self):
        group = self.suite.admin.describe_consumer_groups([self.group])[self.group].result(60)
        members = [f"{member.client_id} with {len(member.assignment.topic_partitions)}" for member in group.members]
        errors = "".join((WORK / f"{client.name}.stderr").read_text(errors="replace")[-2_000:] for client in self.clients)
        return f"the group is {group.state.name}, its members {members or 'none'}; their programs' last errors:\n{errors}"

    def leave(self, member):
        self.members.remove(member)
        member.must("leave")
        member.end()

    def live(self):
        self.join()
        self.progress("one")
        self.join()
        self.join()
        self.progress("three")
        self.leave(self.members[0])
        self.progress("one left")
        self.join()
        self.progress("another joined")
        if all(client.once for client in self.clients):
            repeated = [value for value, times in self.times.items() if times > 1]
            self.suite.note(f"{self.story}, nobody died", f"{len(repeated)} were read twice")
        self.members.pop(0).kill()
        self.progress("one was killed")
        still = self.members[0]
        still.stand_still()
        # Longer than its session: the others take its part, and it comes back as a stranger.
        time.sleep(SESSION_MS / 1000 + 1)
        self.progress("one stands still")
        still.go_on()
        self.progress("it came back")

    def outlive_the_broker(self):
        self.suite.broker.kill()
        self.suite.broker.start()
        self.progress("the broker was killed")

    def end(self):
        for member in list(self.members):
            self.leave(member)

    def abandon(self):
        for member in self.members:
            member.kill()


def stories(suite, name, clients, partitions, broker_dies=False):
    group = Group(suite, name, clients, partitions)
    try:
        group.live()
        if broker_dies:
            group.outlive_the_broker()
        group.end()
    finally:
        group.abandon()
    return group.group


def one_client(suite, client):
    program = Program(client, suite.broker.address)
    try:
        read_and_write(suite, client, program)
        groups = [stories(suite, client.name, [client], partitions) for partitions in PARTITIONS]
        administer(suite, client, program, groups[1])
        program.end()
    finally:
        program.kill()


def run(suite, family):
    if family == "mixed":
        for partitions in PARTITIONS:
            # Nobody else is on this broker, so it can be killed too.
            stories(suite, "mixed", [CLIENTS[name] for name in MIXED], partitions, broker_dies=True)
        return
    for codec in EVERY_CODEC:
        suite.create(f"reference-{codec}")
        suite.reference.produce(f"reference-{codec}", codec, list(shapes().values()))
    only = [word for word in sys.argv[2:] if not word.startswith("--")]
    clients = [client for client in CLIENTS.values() if client.family == family and (not only or client.name in only)]
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(one_client, suite, client) for client in clients]:
            done.result()


def main():
    family = sys.argv[1]
    with recorded.broker(options=("--group-initial-rebalance-delay-ms", "500")) as broker:
        suite = Suite(broker)
        run(suite, family)
    text = "".join(f"{name}: {answer}\n" for name, answer in sorted(suite.lines.items()))
    harness.report(recorded.conclude(f"matrix-{family}", text))


if __name__ == "__main__":
    sys.exit(main())
