"""Kafka Streams on the broker, at least once: a word count, and a join of purchases with customers that is summed by city.

Both keep their state in changelog topics and pass records through repartition topics that they make and purge themselves. The application is ended
in good order and starts anew with nothing on its disk: its state comes back from the changelogs and the sums go on exactly. Then it is killed, and
nothing is lost. What was seen is compared with what Apache Kafka 4.3.1 showed (recorded.py); `--record` keeps that anew.
"""

import collections
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

import harness
import recorded
from programs import WORK

PATIENCE = 120
INPUTS = {"lines": 2, "customers": 3, "purchases": 3, "counted": 1, "summed": 1}
WORDS = ("log", "broker", "record", "offset", "disk")
CITIES = ("Bremen", "Kiel", "Ulm")
CUSTOMERS = 30


class Application:
    """The Streams application, in a process with a directory of its own."""

    def __init__(self, address):
        self.state = tempfile.TemporaryDirectory(prefix="strandlog-streams-")
        self.errors = open(WORK / "streams.stderr", "ab")
        jars = os.environ["KAFKA_JARS"]
        self.process = subprocess.Popen(["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{WORK / 'streams-classes'}:{jars}/*", "Streams", address, self.state.name],
                                        stdout=self.errors, stderr=self.errors)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.errors.close()
        self.state.cleanup()


class Story:
    def __init__(self, broker):
        self.settings = {"bootstrap.servers": broker.address, "broker.address.family": "v4"}
        self.admin = AdminClient(self.settings)
        self.producer = confluent_kafka.Producer({**self.settings, "enable.idempotence": True})
        self.numbers = itertools.count()
        self.counts, self.sums = collections.Counter(), collections.Counter()
        self.lines = []

    def note(self, name, answer):
        self.lines.append(f"{name}: {answer}")
        print(self.lines[-1], flush=True)

    def prepare(self):
        for done in self.admin.create_topics([NewTopic(topic, partitions, 1) for topic, partitions in INPUTS.items()]).values():
            done.result(60)
        for number in range(CUSTOMERS):
            self.producer.produce("customers", key=f"customer{number}", value=CITIES[number % len(CITIES)])
        assert self.producer.flush(PATIENCE) == 0

    def feed(self, count):
        """So many lines and purchases more."""
        for number in itertools.islice(self.numbers, count):
            words = [WORDS[number % len(WORDS)], WORDS[number * 7 % len(WORDS)], f"word{number % 100}"]
            self.counts.update(words)
            self.producer.produce("lines", value=" ".join(words))
            customer = number * 11 % CUSTOMERS
            self.sums[CITIES[customer % len(CITIES)]] += number
            self.producer.produce("purchases", key=f"customer{customer}", value=str(number))
        assert self.producer.flush(PATIENCE) == 0

    def results(self, topic):
        """The last value of every key."""
        consumer = confluent_kafka.Consumer({**self.settings, "group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True})
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        values = {}
        while (message := consumer.poll(30)) is not None and not message.error():
            values[message.key().decode()] = int(message.value())
        consumer.close()
        return values

    def await_results(self, what, exact):
        deadline = time.monotonic() + PATIENCE
        while True:
            counts, sums = self.results("counted"), self.results("summed")
            reached = all(got.get(key, 0) >= value for expected, got in ((self.counts, counts), (self.sums, sums)) for key, value in expected.items())
            if reached:
                break
            assert time.monotonic() < deadline, f"{what}: counted {counts}, summed {sums}; expected at least {self.counts} and {self.sums}"
            time.sleep(0.5)
        self.note(f"{what}, words", f"{len(self.counts)} counted" if not exact or counts == self.counts else "counted too often")
        self.note(f"{what}, cities", f"{len(self.sums)} summed" if not exact or sums == self.sums else "summed too often")

    def topics(self):
        """The topics that the application made, with what it wants of them."""
        described = self.admin.list_topics(timeout=30).topics
        for name in sorted(name for name in described if name.startswith("shop-")):
            configs = next(iter(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values())).result(30)
            own = sorted(f"{key}={entry.value}" for key, entry in configs.items() if not entry.is_default)
            self.note(f"topic {name}", f"{len(described[name].partitions)} partitions, {', '.join(own)}")


def main():
    with recorded.broker() as broker:
        story = Story(broker)
        story.prepare()
        application = Application(broker.address)
        try:
            story.feed(500)
            story.await_results("first", exact=True)
            story.topics()
            application.end(signal.SIGTERM)
            application = Application(broker.address)
            story.feed(500)
            story.await_results("from the changelogs", exact=True)
            story.feed(200)
            application.end(signal.SIGKILL)
            application = Application(broker.address)
            story.feed(200)
            story.await_results("after a kill", exact=False)
        finally:
            application.end(signal.SIGKILL)
    harness.report(recorded.conclude("streams", "\n".join(story.lines) + "\n"))


if __name__ == "__main__":
    sys.exit(main())
