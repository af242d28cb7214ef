"""Kafka Connect in distributed mode on the broker: a file's lines into a topic, and from there into another file.

One worker, then two, then the first is killed and the other goes on: each line arrives, in order within what one worker wrote, at least once and
exactly once where nobody died. What was seen is compared with what Apache Kafka 4.3.1 showed (recorded.py); `--record` keeps that anew.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

import harness
import recorded
from programs import WORK

PATIENCE = 120
OWN_TOPICS = {"config": "connect-configs", "offset": "connect-offsets", "status": "connect-status"}


class Worker:
    """One worker of the cluster, spoken to by its REST interface."""

    def __init__(self, broker, directory):
        self.port = harness.free_port()
        config = directory / f"worker-{self.port}.properties"
        config.write_text("\n".join([
            f"bootstrap.servers={broker.address}", "group.id=connect", f"listeners=http://127.0.0.1:{self.port}",
            "key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter",
            *(f"{storage}.storage.topic={topic}\n{storage}.storage.replication.factor=1" for storage, topic in OWN_TOPICS.items()),
            "offset.storage.partitions=5", "offset.flush.interval.ms=500", "session.timeout.ms=6000", "heartbeat.interval.ms=500",
            "scheduled.rebalance.max.delay.ms=1000", "plugin.discovery=service_load", ""]))
        self.log = open(WORK / "connect.log", "ab")
        self.process = subprocess.Popen(["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{os.environ['KAFKA_JARS']}/*",
                                         "org.apache.kafka.connect.cli.ConnectDistributed", str(config)], stdout=self.log, stderr=self.log)

    def ask(self, path, method="GET", body=None):
        """The answer, or None while the worker is not ready for it."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            # Conflict: a rebalance is under way. Not found: what was made is not known yet. 500: the group has no leader.
            if error.code in (404, 409, 500):
                return None
            raise
        except OSError:
            return None

    def until(self, path, holds=bool, **request):
        answer = None
        deadline = time.monotonic() + PATIENCE
        while not (answer := self.ask(path, **request)) or not holds(answer):
            assert self.process.poll() is None, "the worker ended"
            assert time.monotonic() < deadline, f"{path}: {answer}"
            time.sleep(0.2)
        return answer

    def delete(self, name):
        deadline = time.monotonic() + PATIENCE
        while (names := self.ask("/connectors")) is None or name in names:
            self.ask(f"/connectors/{name}", method="DELETE")
            assert time.monotonic() < deadline, f"{name} does not go"
            time.sleep(0.2)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.log.close()


class Story:
    def __init__(self, broker, directory):
        self.broker, self.directory = broker, directory
        self.source, self.sink = directory / "source.txt", directory / "sink.txt"
        self.written = []
        self.lines = []

    def note(self, name, answer):
        self.lines.append(f"{name}: {answer}")
        print(self.lines[-1], flush=True)

    def write(self, what, count=300):
        fresh = [f"{what} {number}" for number in range(count)]
        self.written += fresh
        with open(self.source, "a") as file:
            file.write("".join(f"{line}\n" for line in fresh))

    def await_lines(self, what, exact):
        deadline = time.monotonic() + PATIENCE
        while True:
            arrived = self.sink.read_text().splitlines() if self.sink.exists() else []
            if set(self.written) <= set(arrived):
                break
            assert time.monotonic() < deadline, f"{what}: {len(set(self.written) - set(arrived))} lines are missing"
            time.sleep(0.2)
        if exact:
            self.note(what, "each line once, in order" if arrived == self.written else f"{len(arrived)} lines for {len(self.written)}")
        else:
            self.note(what, "each line at least once")

    def connectors(self, worker):
        for name, config in (("from-file", {"connector.class": "FileStreamSource", "file": str(self.source), "topic": "lines"}),
                             ("to-file", {"connector.class": "FileStreamSink", "file": str(self.sink), "topics": "lines"})):
            made = worker.until("/connectors", method="POST", body={"name": name, "config": {**config, "tasks.max": "1"}})
            self.note(f"makes {name}", made["type"])

    def await_running(self, worker, gone=None):
        """Both connectors and their tasks run, none of them on the worker that is gone; tells how many workers have some."""
        def runs(status):
            parts = [status["connector"], *status["tasks"]]
            return len(parts) == 2 and all(part["state"] == "RUNNING" and part["worker_id"] != gone for part in parts)

        states = [worker.until(f"/connectors/{name}/status", runs) for name in ("from-file", "to-file")]
        return {part["worker_id"] for status in states for part in [status["connector"], *status["tasks"]]}

    def own_topics(self):
        admin = AdminClient({"bootstrap.servers": self.broker.address, "broker.address.family": "v4"})
        described = admin.list_topics(timeout=30).topics
        for name in OWN_TOPICS.values():
            configs = next(iter(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values())).result(30)
            own = sorted(f"{key}={entry.value}" for key, entry in configs.items() if not entry.is_default)
            self.note(f"topic {name}", f"{len(described[name].partitions)} partitions, {', '.join(own)}")


def live(story, workers):
    broker, directory = story.broker, story.directory
    workers.append(Worker(broker, directory))
    story.write("one")
    story.connectors(workers[0])
    story.await_lines("one worker", exact=True)
    story.own_topics()
    workers.append(Worker(broker, directory))
    # Until the second has part of the work.
    deadline = time.monotonic() + PATIENCE
    while len(story.await_running(workers[1])) < 2:
        assert time.monotonic() < deadline, "the second worker got nothing to do"
        time.sleep(0.2)
    story.note("two workers", "both have work")
    story.write("two")
    story.await_lines("two workers wrote", exact=True)
    killed = workers.pop(0)
    killed.end(signal.SIGKILL)
    story.await_running(workers[0], gone=f"127.0.0.1:{killed.port}")
    story.write("three")
    story.await_lines("the first was killed", exact=False)
    for name in ("from-file", "to-file"):
        workers[0].delete(name)
    story.note("deletes", "both are gone")


def main():
    with recorded.broker() as broker, tempfile.TemporaryDirectory(prefix="strandlog-connect-") as directory:
        story, workers = Story(broker, pathlib.Path(directory)), []
        try:
            live(story, workers)
        finally:
            for worker in workers:
                worker.end(signal.SIGKILL)
    harness.report(recorded.conclude("connect", "\n".join(story.lines) + "\n"))


if __name__ == "__main__":
    sys.exit(main())
