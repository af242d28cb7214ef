"""Records of every shape through clients that we did not write, read back by others.

Writers: confluent-kafka and kafka-python with each codec, Kafka's own console producer. Readers: confluent-kafka, kafka-python
and kcat. Records from 0 B to 900 KB, null keys and values, duplicate headers, timestamps.
"""

import os
import subprocess
import sys
import time

import confluent_kafka
import kafka
from confluent_kafka.admin import AdminClient, NewTopic

import harness

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# Of the recent past: retention by time goes by it.
TIMESTAMP = int(time.time() * 1000) - 123_456


def shapes():
    """(key, value, headers): what a record can look like."""
    noise = os.urandom(1024)
    records = [(b"size-%d" % size, (noise * (size // 1024 + 1))[:size], [])
               for size in (0, 1, 100, 4096, 65_536, 900_000)]
    records += [
        (None, b"a null key", []),
        (b"a null value", None, []),
        (b"", b"", [("empty", b"")]),
        (b"headers", b"v", [("twice", b"1"), ("twice", b"2"), ("binary", bytes(range(256))), ("", b"no name")]),
    ]
    return records


def confluent_write(address, topic, codec, records):
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "compression.type": codec,
                                         "broker.address.family": "v4",
                                         "message.max.bytes": 1_000_000, "linger.ms": 20})
    failures = []
    for key, value, headers in records:
        producer.produce(topic, key=key, value=value, headers=headers, timestamp=TIMESTAMP,
                         partition=0, on_delivery=lambda e, _: failures.append(e) if e else None)
    assert producer.flush(30) == 0 and not failures, failures


def kafka_python_write(address, topic, codec, records):
    producer = kafka.KafkaProducer(bootstrap_servers=address, max_request_size=1_040_000, linger_ms=20,
                                   compression_type=None if codec == "none" else codec)
    futures = [producer.send(topic, key=key, value=value, headers=headers, timestamp_ms=TIMESTAMP, partition=0)
               for key, value, headers in records]
    for future in futures:
        future.get(30)
    producer.close()


def confluent_read(address, topic, count):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "unused",
                                         "broker.address.family": "v4",
                                         "enable.auto.commit": False, "fetch.message.max.bytes": 2_000_000})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    records = []
    while len(records) < count:
        message = consumer.poll(30)
        assert message is not None and message.error() is None, message and message.error()
        assert message.offset() == len(records)
        records.append((message.key(), message.value(), message.headers() or [], message.timestamp()[1]))
    consumer.close()
    return records


def kafka_python_read(address, topic, count):
    consumer = kafka.KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=30_000, group_id=None)
    consumer.assign([kafka.TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    records = []
    for message in consumer:
        assert message.offset == len(records)
        records.append((message.key, message.value, list(message.headers), message.timestamp))
        if len(records) == count:
            break
    consumer.close()
    return records


def kcat_read(address, topic, count):
    """Lengths only (-1 for null): kcat prints a null and an empty record alike."""
    output = harness.kcat(address, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-c", str(count),
                          "-f", "%K %S %T\n")
    return [tuple(int(field) for field in line.split()) for line in output.splitlines()]


def normal(records):
    """librdkafka gives an empty header value as None in some versions; the shapes have none that is null."""
    return [(key, value, [(name, content or b"") for name, content in headers], timestamp)
            for key, value, headers, timestamp in records]


def check(address, topic, records):
    expected = [(key, value, headers, TIMESTAMP) for key, value, headers in records]
    count = len(expected)
    assert normal(confluent_read(address, topic, count)) == expected, f"{topic}: confluent-kafka reads otherwise"
    assert normal(kafka_python_read(address, topic, count)) == expected, f"{topic}: kafka-python reads otherwise"
    lengths = [(-1 if key is None else len(key), -1 if value is None else len(value), TIMESTAMP)
               for key, value, _, _ in expected]
    assert kcat_read(address, topic, count) == lengths, f"{topic}: kcat reads otherwise"


def console_lines(address, topic):
    """Kafka's own console producer, then its own console consumer."""
    jars = os.environ["KAFKA_JARS"]
    lines = [f"line {number}" for number in range(1000)]
    java = ["java", "-cp", f"{jars}/*"]
    subprocess.run([*java, "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", address,
                    "--topic", topic], input="\n".join(lines).encode() + b"\n", check=True,
                   stdout=subprocess.DEVNULL)
    read = subprocess.run([*java, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", address,
                           "--topic", topic, "--partition", "0", "--offset", "earliest",
                           "--max-messages", str(len(lines)), "--timeout-ms", "60000"],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    assert read.decode().splitlines() == lines, "the console consumer reads otherwise"


def check_broker(**options):
    """Every writer with every codec, each read back by all readers."""
    records = shapes()
    # kafka-python refuses to send a record with neither key nor value.
    with_nothing = [*records, (None, None, [])]
    writers = (("confluent", confluent_write, with_nothing), ("kafka-python", kafka_python_write, records))
    passed = 0
    with harness.broker(**options) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address, "broker.address.family": "v4"})
        for name, write, sent in writers:
            for codec in CODECS:
                topic = f"{name}-{codec}"
                admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
                write(broker.address, topic, codec, sent)
                check(broker.address, topic, sent)
                print(f"{topic}: {len(sent)} records, three readers", flush=True)
                passed += 1
        console_lines(broker.address, "console")
        print("console producer and consumer: 1000 lines", flush=True)
        passed += 1
    return passed


def main():
    passed = check_broker()
    if not harness.is_kafka():
        print("each core shown as a broker", flush=True)
        passed += check_broker(shards=2, options=("--advertise", "core"))
    harness.report(passed)


if __name__ == "__main__":
    sys.exit(main())
