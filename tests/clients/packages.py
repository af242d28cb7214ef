"""Debian's package index, line by line, through an idempotent producer, across a kill -9.

A real file of some 50 MB: each line is a record, keyed by its package's name, into 8 partitions. The broker
is killed in the middle and started again while the producer goes on. kcat reads everything back:
nothing is missing, the order per key is kept, nothing is there twice.
"""

import collections
import glob
import subprocess
import sys
import threading

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import harness

TOPIC = "packages"
PARTITIONS = 8


def index_lines():
    """(key, value) of every line: the package's name, and line number and text."""
    files = sorted(glob.glob("/var/lib/apt/lists/*_main_binary-*_Packages*"))
    if not files:
        raise SystemExit("no package index: run apt-get update first")
    number, name = 0, b""
    for file in files:
        text = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", file], check=True,
                              stdout=subprocess.PIPE).stdout
        for line in text.split(b"\n"):
            if line.startswith(b"Package: "):
                name = line[9:]
            if line:
                yield name, b"%d\x1f%s" % (number, line.replace(b"\x1e", b""))
                number += 1


def produce(broker, records):
    failures = []
    delivered = [0]

    def on_delivery(error, _message):
        if error is not None:
            failures.append(error)
        delivered[0] += 1

    producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True,
                         "linger.ms": 5, "compression.type": "none", "message.timeout.ms": 120_000,
                         "broker.address.family": "v4",
                         "queue.buffering.max.messages": 200_000, "reconnect.backoff.max.ms": 200})
    middle = len(records) // 2
    restart = None
    for sent, (key, value) in enumerate(records):
        if sent == middle:
            # In the middle of the stream, with requests in flight; the producer goes on meanwhile.
            restart = threading.Thread(target=lambda: (broker.kill(), broker.start()))
            restart.start()
        while True:
            try:
                producer.produce(TOPIC, key=key, value=value, on_delivery=on_delivery)
                break
            except BufferError:
                producer.poll(0.1)
        if sent % 1000 == 0:
            producer.poll(0)
    restart.join()
    left = producer.flush(180)
    if left or failures or delivered[0] != len(records):
        raise SystemExit(f"{left} not sent, {len(failures)} failed: {failures[:3]}")


def by_key(pairs):
    """Values per key, in order. The key's lines may come from several stanzas."""
    keys = collections.defaultdict(list)
    for key, value in pairs:
        keys[key].append(value)
    return keys


def read_back(broker):
    output = harness.kcat(broker.address, "-C", "-t", TOPIC, "-o", "beginning", "-e", "-q",
                          "-f", "%p\x1d%o\x1d%k\x1d%s\x1e")
    offsets = collections.defaultdict(list)
    for record in output.split(b"\x1e")[:-1]:
        partition, offset, key, value = record.split(b"\x1d", 3)
        offsets[int(partition)].append(int(offset))
        yield key, value
    for partition, seen in offsets.items():
        if seen != list(range(len(seen))):
            raise SystemExit(f"partition {partition}: offsets with holes or out of order")


def main():
    records = list(index_lines())
    bytes_ = sum(len(value) for _, value in records)
    if bytes_ < 40_000_000:
        raise SystemExit(f"a package index of {bytes_} bytes is not the real one")
    print(f"{len(records)} lines, {bytes_} bytes", flush=True)
    with harness.broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.address, "broker.address.family": "v4"})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(30)
        produce(broker, records)
        expected, got = by_key(records), by_key(read_back(broker))
        for key in sorted(expected.keys() | got.keys()):
            if expected.get(key) != got.get(key):
                count = len(got.get(key, []))
                raise SystemExit(f"{key!r}: {len(expected.get(key, []))} sent, {count} read, or another order")
    harness.report(1)


if __name__ == "__main__":
    sys.exit(main())
