"""Clients in processes of their own, each family one small program, all speaking one line protocol.

A program is started with a client's name and the broker's address. It reads commands from its standard input, one JSON object a line, and gives one
object in answer to each; keys, values and header values are base64, or null.

    {"do": "produce", "topic", "codec", "records": [{"key", "value", "headers": [[name, value]], "time"}]}   to partition 0   {"produced": count}
    {"do": "read", "topic", "count"}             partition 0 from its start         {"records": [{"offset", "key", "value", "headers", "time"}]}
    {"do": "join", "group", "topic", "session"}  a member that commits what it read before it reads on                       {"joined": true}
    {"do": "leave"}                              the member ends in good order                                               {"left": true}
    {"do": "admin", "step", "topic", "group", "partitions", "value"}                                                         {"answer": text}

`programs.py`, run by itself, builds those that need it.

What a member reads it tells between the answers, before it commits: {"saw": [value, ...]}. A command that fails is answered {"error": text}.
"""

import collections
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading

import harness

WORK = pathlib.Path(os.environ.get("CLIENTS_WORK", harness.ROOT / "target" / "ci"))
PATIENCE = 120
JAVA = ("4.3.1", "3.9.1", "2.8.2")
EVERY_CODEC = ("none", "gzip", "snappy", "lz4", "zstd")

# `once` says whether a group of this client reads each record once while members join and leave: whether it holds a rebalance up until what it
# read is committed.
Client = collections.namedtuple("Client", "name family command codecs once", defaults=(EVERY_CODEC, True))


def python(name, **options):
    return Client(name, "python", [sys.executable, str(harness.HERE / "python" / "client.py"), name], **options)


def go(name, **options):
    return Client(name, "go", [str(WORK / "go-clients"), name], **options)


def node(name, **options):
    return Client(name, "node", ["node", str(harness.HERE / "node" / "client.js"), name], **options)


def java(version):
    name = f"java-{version}"
    classes = WORK / f"{name}-classes"
    return Client(name, "java", ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{java_jars(version)}/*", "Client", name])


def java_jars(version):
    return os.environ.get("KAFKA_JARS", WORK / "kafka") if version == JAVA[0] else WORK / f"java-{version}"


CLIENTS = {client.name: client for client in (
    python("confluent-kafka"),
    python("kafka-python"),
    python("aiokafka"),
    python("kcat", once=False),
    go("confluent-kafka-go"),
    go("franz-go"),
    go("sarama"),
    go("kafka-go", once=False),
    node("kafkajs", codecs=("none", "gzip", "snappy")),
    node("confluent-kafka-javascript"),
    *(java(version) for version in JAVA),
)}


def build():
    """The programs that have to be built; their packages are there (`packages` of .ci/run)."""
    subprocess.run(["go", "build", "-o", str(WORK / "go-clients"), "."], cwd=harness.HERE / "go", check=True)
    for version in JAVA:
        javac("Client.java", f"java-{version}-classes", java_jars(version))
    javac("Streams.java", "streams-classes", java_jars(JAVA[0]))


def javac(source, classes, jars):
    subprocess.run(["javac", "-nowarn", "-cp", f"{jars}/*", "-d", str(WORK / classes), str(harness.HERE / "java" / source)], check=True)


class Program:
    """One client's process."""

    def __init__(self, client, address, on_saw=lambda values: None):
        self.client, self.on_saw = client, on_saw
        self.answers = queue.Queue()
        environment = {**os.environ, "NODE_PATH": str(WORK / "node" / "node_modules")}
        self.errors = open(WORK / f"{client.name}.stderr", "ab")
        # A session of its own: some clients are several processes, and what is killed or stopped is all of them.
        self.process = subprocess.Popen([*client.command, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=environment, start_new_session=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "saw" in said:
                self.on_saw(said["saw"])
            else:
                self.answers.put(said)
        self.answers.put({"error": f"{self.client.name} ended"})

    def ask(self, do, **fields):
        """The answer to one command, errors included."""
        self.process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        self.process.stdin.flush()
        try:
            return self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            self.kill()
            raise SystemExit(f"{self.client.name}: no answer to {do} within {PATIENCE} s") from None

    def must(self, do, **fields):
        answer = self.ask(do, **fields)
        if "error" in answer:
            raise SystemExit(f"{self.client.name}: {do}: {answer['error']}")
        return answer

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def stand_still(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()
        self.errors.close()

    def end(self):
        """Its input ends, and so does it."""
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SystemExit(f"{self.client.name} does not end") from None
        self.errors.close()


if __name__ == "__main__":
    build()
