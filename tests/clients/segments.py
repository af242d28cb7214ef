"""Topics that leave as Kafka has them on disk, and Kafka's segments that come in.

Out: `strandlog log export` of batches of every codec, with deleted beginnings; Kafka's DumpLogSegments reads logs and indexes, and finds every
record and no mismatch. In: a segment that Apache Kafka 4.3.1 wrote, from an offset in the middle, appended with `strandlog log import`; a client
then reads the same records at the same offsets, and a second import follows behind the first.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

import harness

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def strandlog(*arguments):
    binary = os.environ.get("STRANDLOG_BINARY", harness.ROOT / "target/release/strandlog")
    done = subprocess.run([str(binary), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def make(address, topic, partitions=1, **config):
    admin = AdminClient({"bootstrap.servers": address, "broker.address.family": "v4"})
    admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(30)
    return admin


def write(address, topic, codec, records, timestamp):
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "broker.address.family": "v4", "compression.type": codec,
                                         "linger.ms": 5, "batch.size": 4000})
    failures = []
    for number, (key, value) in enumerate(records):
        producer.produce(topic, key=key, value=value, partition=0, timestamp=timestamp + number,
                         on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(30) == 0 and not failures, failures


def read(address, topic, count, start=0):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "broker.address.family": "v4", "group.id": "unused",
                                         "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, start)])
    found = []
    while len(found) < count:
        message = consumer.poll(30)
        assert message is not None and message.error() is None, message and message.error()
        found.append((message.offset(), message.key(), message.value(), message.timestamp()[1]))
    consumer.close()
    return found


def dump(*files):
    """What Kafka says of segments and their indexes."""
    command = ["java", "-cp", f"{os.environ['KAFKA_JARS']}/*", "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--print-data-log",
               "--files", ",".join(map(str, files))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    wrong = [line for line in text.splitlines() if "Mismatch" in line or "Non-consecutive" in line or "isvalid: false" in line
             or "did not match" in line or "Index timestamp" in line or "not found" in line]
    assert not wrong, "\n".join(wrong)
    return text


def goes_out():
    now = int(time.time() * 1000) - 100_000
    records = {codec: [(b"%s-%d" % (codec.encode(), number), bytes([65 + number % 26]) * 300) for number in range(100)] for codec in CODECS}
    with tempfile.TemporaryDirectory() as work, harness.broker() as broker:
        admin = make(broker.address, "out", partitions=2, **{"segment.bytes": "1048576"})
        for number, codec in enumerate(CODECS):
            write(broker.address, "out", codec, records[codec], now + 1000 * number)
        admin.delete_records([confluent_kafka.TopicPartition("out", 0, 30)])[confluent_kafka.TopicPartition("out", 0)].result(30)
        broker.stop()
        status, said, wrong = strandlog("log", "export", "--dir", str(broker.dir / "data"), "--topic", "out", "--out", work)
        assert status == 0, wrong
        assert "out-0: " in said and "offsets 30..500" in said and "out-1: 0 batches" in said, said
        assert strandlog("log", "export", "--dir", str(broker.dir / "data"), "--topic", "nope", "--out", f"{work}/x")[0] == 64
        partition = pathlib.Path(work) / "out-0"
        files = sorted(partition.iterdir())
        assert {file.suffix for file in files} == {".log", ".index", ".timeindex", ""}, files
        text = dump(*[file for file in files if file.suffix == ".log"])
        found = {int(line.split("offset: ")[1].split()[0]) for line in text.splitlines() if line.startswith("|")}
        assert set(range(30, 500)) <= found <= set(range(500)), sorted(found)[:3]
        keys = [line.split("key: ")[1].split()[0] for line in text.splitlines() if line.startswith("|") and "key: " in line]
        expected = [key.decode() for codec in CODECS for key, _ in records[codec]]
        assert keys[-470:] == expected[30:], keys[:3]
        dump(*[file for file in files if file.suffix in (".index", ".timeindex")])
        epochs = (partition / "leader-epoch-checkpoint").read_text().splitlines()
        assert epochs[0] == "0" and len(epochs) == 2 + int(epochs[1]), epochs
        # The broker starts on its data as if nothing had been.
        broker.start()
        assert len(read(broker.address, "out", 470, start=30)) == 470
    print("out: 500 records in five codecs, read by Kafka from logs and indexes", flush=True)
    return 1


def comes_in():
    now = int(time.time() * 1000) - 100_000
    records = [(b"k%d" % number, b"v%d" % number * 20) for number in range(400)]
    with harness.Kafka() as kafka, tempfile.TemporaryDirectory() as work:
        admin = make(kafka.address, "in", **{"segment.ms": "1000"})
        for number, codec in enumerate(CODECS[:4]):
            write(kafka.address, "in", codec, records[number * 100:number * 100 + 100], now + number * 1000)
        admin.delete_records([confluent_kafka.TopicPartition("in", 0, 150)])[confluent_kafka.TopicPartition("in", 0)].result(30)
        expected = read(kafka.address, "in", 250, start=150)
        kafka.stop()
        logs = sorted((kafka.dir / "data" / "in-0").glob("*.log"))
        segments = [pathlib.Path(work) / log.name for log in logs]
        for log, copy in zip(logs, segments):
            copy.write_bytes(log.read_bytes())
        with harness.Broker() as broker:
            make(broker.address, "in")
            make(broker.address, "late")
            broker.stop()
            data = str(broker.dir / "data")
            for segment in segments:
                status, said, wrong = strandlog("log", "import", "--dir", data, "--topic", "in", str(segment))
                assert status == 0 and ("as they were" in said or "nothing to import" in said or "behind" in said), (said, wrong)
            status, _, wrong = strandlog("log", "import", "--dir", data, "--topic", "nope", str(segments[0]))
            assert status == 64 and "create it first" in wrong, wrong
            assert strandlog("log", "dump", "--verify", "--dir", data)[0] == 0
            broker.start()
            assert read(broker.address, "in", 250, start=150) == expected, "other records than Kafka's"
            write(broker.address, "late", "none", records[:10], now)
            write(broker.address, "in", "none", [(b"after", b"all")], now)
            assert read(broker.address, "in", 1, start=400)[0][1] == b"after"
            broker.stop()
            whole = segments[-1]
            status, said, wrong = strandlog("log", "import", "--dir", data, "--topic", "late", str(whole))
            assert status == 0 and ("behind what was there" in said or "nothing" in said), (said, wrong)
            broker.start()
            late = read(broker.address, "late", 10)
            assert [key for _, key, _, _ in late] == [key for key, _ in records[:10]]
    print("in: Kafka's segments, offsets kept", flush=True)
    return 1


if __name__ == "__main__":
    harness.report(goes_out() + comes_in())
    sys.exit(0)
