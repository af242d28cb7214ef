"""Kafka's own command-line tools against the broker, compared with what Apache Kafka 4.3.1 answers (recorded.py).

Each step is one run of a tool. What it printed is tidied (addresses, times, ids) and compared line by line; a step also fails when
the tool's exit status differs. `--record` runs the same steps against Kafka.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import harness
import recorded

TOOLS = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "configs": "kafka.admin.ConfigCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "cluster": "org.apache.kafka.tools.ClusterTool",
    "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "acls": "org.apache.kafka.tools.AclCommand",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "groups": "org.apache.kafka.tools.GroupsCommand",
    "verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "end-to-end-latency": "org.apache.kafka.tools.EndToEndLatency",
}
# Tools whose server argument is not --bootstrap-server.
PERFORMANCE = ("producer-perf-test", "end-to-end-latency")
SECONDS = 120
# A tool lives for a second: a JVM that neither compiles much nor collects in parallel starts sooner.
JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Session:
    """Runs tools one after the other and keeps what they said."""

    def __init__(self, broker):
        self.broker = broker
        self.lines = []
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="strandlog-tools-"))
        self.step = 0

    def tidy(self, line):
        line = line.replace(self.broker.address, "<broker>").replace(str(self.broker.dir), "<dir>").replace(str(self.dir), "<work>")
        line = line.replace(f"localhost:{self.broker.port}", "<broker>")
        line = re.sub(r"TopicId: [\w-]{22}", "TopicId: <id>", line)
        line = re.sub(r"Cluster ID: [\w-]{22}", "Cluster ID: <id>", line)
        line = re.sub(r'"timestamp":\d+', '"timestamp":<time>', line)
        line = re.sub(r'"avg_throughput":[\d.]+', '"avg_throughput":<figure>', line)
        line = re.sub(rf"127\.0\.0\.1 {self.broker.port}\b", "<broker>", line)
        line = re.sub(r"\b[\w-]+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<member>", line)
        line = re.sub(r"\[\d{4}-\d\d-\d\d [\d:,]+\]", "<time>", line)
        return line.rstrip()

    def run(self, name, tool, *arguments, stdin=None, keep=lambda line: True, sort=False):
        """One step: `keep` says which lines are compared."""
        done = subprocess.run(self.command(tool, *arguments), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
        return self.note(f"{tool} {name}", done.returncode, done.stdout, keep, sort)

    def command(self, tool, *arguments):
        server = () if tool in PERFORMANCE else ("--bootstrap-server", self.broker.address)
        # kafka-cluster wants its command first.
        words = (*arguments, *server) if tool == "cluster" else (*server, *arguments)
        return [*JAVA, "-cp", f"{os.environ['KAFKA_JARS']}/*", TOOLS[tool], *words]

    def note(self, label, status, output, keep=lambda line: True, sort=False):
        said = [self.tidy(line) for line in output.decode(errors="replace").splitlines()]
        # Class loaders and logging talk before the tool does; stack traces name lines of Kafka's source.
        said = [line for line in said if line.strip() and not re.match(r"SLF4J|\s+at |WARNING:|.*StatusLogger|main ERROR|Caused by", line)]
        said = [line for line in said if keep(line)]
        self.lines.append(f"{label}: status {status}")
        self.lines += [f"{label}: {line}" for line in (sorted(said) if sort else said)]
        print(f"{label}: status {status}, {len(said)} lines", flush=True)
        return said

    def file(self, name, content):
        path = self.dir / name
        path.write_text(content)
        return str(path)


def topics(session):
    run = session.run
    run("creates", "topics", "--create", "--topic", "first", "--partitions", "3", "--config", "retention.ms=100000")
    run("creates twice", "topics", "--create", "--topic", "first")
    run("creates if missing", "topics", "--create", "--topic", "first", "--if-not-exists")
    run("creates with two replicas", "topics", "--create", "--topic", "second", "--replication-factor", "2")
    run("creates a bad name", "topics", "--create", "--topic", "a b")
    run("creates a bad config", "topics", "--create", "--topic", "third", "--config", "retention.ms=x")
    run("creates by assignment", "topics", "--create", "--topic", "placed", "--replica-assignment", "1,1")
    run("lists", "topics", "--list")
    run("describes", "topics", "--describe", "--topic", "first")
    run("describes all", "topics", "--describe", sort=True)
    run("describes what is missing", "topics", "--describe", "--topic", "missing")
    run("describes overrides", "topics", "--describe", "--topics-with-overrides")
    run("describes under-replicated", "topics", "--describe", "--under-replicated-partitions")
    run("grows", "topics", "--alter", "--topic", "first", "--partitions", "5")
    run("does not shrink", "topics", "--alter", "--topic", "first", "--partitions", "2")
    run("describes what grew", "topics", "--describe", "--topic", "first")
    run("deletes", "topics", "--delete", "--topic", "placed")
    run("deletes what is missing", "topics", "--delete", "--topic", "placed")


def configs(session):
    run = session.run
    topic = ("--entity-type", "topics", "--entity-name", "first")
    run("describes a topic", "configs", "--describe", *topic)
    run("describes all of a topic", "configs", "--describe", "--all", *topic)
    run("alters a topic", "configs", "--alter", *topic, "--add-config", "retention.ms=5000,cleanup.policy=[compact,delete]")
    run("describes the altered topic", "configs", "--describe", *topic)
    run("deletes of a topic", "configs", "--alter", *topic, "--delete-config", "cleanup.policy,retention.ms")
    run("refuses a value", "configs", "--alter", *topic, "--add-config", "retention.ms=x")
    run("refuses a name", "configs", "--alter", *topic, "--add-config", "nonsense=1")
    run("misses a topic", "configs", "--describe", "--entity-type", "topics", "--entity-name", "missing")
    run("alters a broker", "configs", "--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config", "log.retention.ms=90000")
    run("describes a broker", "configs", "--describe", "--entity-type", "brokers", "--entity-name", "1")
    run("alters every broker", "configs", "--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.segment.bytes=2097152")
    run("describes every broker", "configs", "--describe", "--entity-type", "brokers", "--entity-default")
    run("refuses a fixed config", "configs", "--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config", "node.id=3")
    run("undoes the broker", "configs", "--alter", "--entity-type", "brokers", "--entity-name", "1", "--delete-config", "log.retention.ms")
    run("undoes every broker", "configs", "--alter", "--entity-type", "brokers", "--entity-default", "--delete-config", "log.segment.bytes")
    run("sets a logger", "configs", "--alter", "--entity-type", "broker-loggers", "--entity-name", "1", "--add-config", "root=WARN")
    run("describes loggers", "configs", "--describe", "--entity-type", "broker-loggers", "--entity-name", "1", keep=lambda line: "root=" in line)
    run("refuses a logger", "configs", "--alter", "--entity-type", "broker-loggers", "--entity-name", "1", "--add-config", "no.such=WARN")
    run("sets a group", "configs", "--alter", "--entity-type", "groups", "--entity-name", "g", "--add-config", "consumer.session.timeout.ms=50000")
    run("describes a group", "configs", "--describe", "--entity-type", "groups", "--entity-name", "g")
    run("describes groups", "configs", "--describe", "--entity-type", "groups")
    run("refuses a group's value", "configs", "--alter", "--entity-type", "groups", "--entity-name", "g", "--add-config", "consumer.session.timeout.ms=1")
    user = ("--entity-type", "users", "--entity-name", "alice")
    run("sets a quota", "configs", "--alter", *user, "--add-config", "producer_byte_rate=1024,request_percentage=50")
    run("describes a quota", "configs", "--describe", *user)
    run("refuses a quota", "configs", "--alter", *user, "--add-config", "producer_byte_rate=-1")
    run("sets a client's quota", "configs", "--alter", *user, "--entity-type", "clients", "--entity-name", "c", "--add-config", "consumer_byte_rate=2048")
    run("describes quotas", "configs", "--describe", "--entity-type", "users", "--entity-type", "clients", sort=True)
    run("limits an address", "configs", "--alter", "--entity-type", "ips", "--entity-name", "127.0.0.9", "--add-config", "connection_creation_rate=9")
    run("describes an address", "configs", "--describe", "--entity-type", "ips", "--entity-name", "127.0.0.9")
    run("deletes a quota", "configs", "--alter", *user, "--delete-config", "producer_byte_rate")
    run("describes what is left", "configs", "--describe", *user)
    run("refuses ACLs", "acls", "--list")


def records(session):
    run = session.run
    lines = "".join(f"key{number % 7}:value {number}\n" for number in range(200)).encode()
    run("writes", "console-producer", "--topic", "first", "--property", "parse.key=true", "--property", "key.separator=:", stdin=lines,
        keep=lambda line: "deprecated" not in line)
    for partition in range(2):
        run(f"reads partition {partition}", "console-consumer", "--topic", "first", "--partition", str(partition), "--offset", "earliest",
            "--timeout-ms", "5000", "--property", "print.key=true", "--property", "print.offset=true",
            keep=lambda line: "value" in line or "Processed" in line)
    run("latest", "get-offsets", "--topic", "first", "--time", "-1")
    run("earliest", "get-offsets", "--topic", "first", "--time", "earliest")
    run("at a time", "get-offsets", "--topic", "first", "--time", "0")
    run("all topics", "get-offsets")
    run("a partition", "get-offsets", "--topic-partitions", "first:1")
    run("what is missing", "get-offsets", "--topic", "missing")
    wanted = {"version": 1, "partitions": [{"topic": "first", "partition": 0, "offset": 10}, {"topic": "first", "partition": 1, "offset": -1}]}
    run("deletes", "delete-records", "--offset-json-file", session.file("offsets.json", json.dumps(wanted)), sort=True)
    wanted = {"version": 1, "partitions": [{"topic": "first", "partition": 0, "offset": 10_000}]}
    run("refuses to delete", "delete-records", "--offset-json-file", session.file("wrong.json", json.dumps(wanted)), sort=True)
    run("earliest after deletion", "get-offsets", "--topic", "first", "--time", "earliest")
    run("counts", "verifiable-producer", "--topic", "first", "--max-messages", "50", keep=lambda line: "tool_data" in line)
    run("measures", "producer-perf-test", "--topic", "first", "--num-records", "2000", "--record-size", "100", "--throughput", "-1",
        "--producer-props", f"bootstrap.servers={session.broker.address}", keep=lambda line: False)
    run("latest at the end", "get-offsets", "--topic-partitions", "first:0-4", keep=lambda line: False)


def cluster(session):
    run = session.run
    run("id", "cluster", "cluster-id")
    run("endpoints", "cluster", "list-endpoints")
    said = []
    run("lists", "broker-api-versions", keep=lambda line: said.append(line) or False)
    ranges = [re.match(r"\s*(\w+)\(\d+\): (.*) \[usable", line) for line in said]
    # An answer for each API, so that a list of differences can name it.
    session.lines += [f"broker-api-versions {found[1]}: {found[2]}" for found in ranges if found]
    assert any(found and found[1] == "Produce" for found in ranges), said
    # Sizes are the broker's own affair; what is told of which directory is not.
    said = run("describes", "log-dirs", "--describe", "--topic-list", "first", keep=lambda line: not line.startswith("{"))
    assert said, "log-dirs said nothing"


def main():
    with recorded.broker() as broker:
        session = Session(broker)
        topics(session)
        configs(session)
        records(session)
        cluster(session)
    harness.report(recorded.conclude("tools", "\n".join(session.lines) + "\n"))


if __name__ == "__main__":
    sys.exit(main())
