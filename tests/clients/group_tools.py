"""Kafka's command-line tools for groups, and those that consume, compared with what Apache Kafka 4.3.1 answers (recorded.py).

As tools.py, with `--record` likewise: kafka-consumer-groups whole, kafka-groups, kafka-verifiable-consumer, kafka-consumer-perf-test,
kafka-e2e-latency, and kafka-console-consumer in a group and over __consumer_offsets.
"""

import json
import subprocess
import sys
import threading

import harness
import recorded
import tools

TOPIC = "orders"
GROUP = ("--group", "readers")


def prepare(session):
    """Three partitions with records, all read by a group that is gone."""
    run = session.run
    run("creates", "topics", "--create", "--topic", TOPIC, "--partitions", "3")
    lines = "".join(f"key{number % 11}:value {number}\n" for number in range(120)).encode()
    run("writes", "console-producer", "--topic", TOPIC, "--command-property", "linger.ms=100", "--reader-property", "parse.key=true",
        "--reader-property", "key.separator=:", stdin=lines)
    run("reads in a group", "console-consumer", "--topic", TOPIC, *GROUP, "--from-beginning", "--max-messages", "120", "--timeout-ms", "60000", sort=True)


def looks(session):
    """What is told of a group without members."""
    run = session.run
    run("lists", "consumer-groups", "--list")
    run("lists states", "consumer-groups", "--list", "--state")
    run("lists the stable", "consumer-groups", "--list", "--state", "stable")
    run("lists the empty", "consumer-groups", "--list", "--state", "empty")
    # What states there are it tells in no order.
    run("lists a state that there is not", "consumer-groups", "--list", "--state", "tired", keep=lambda line: False)
    run("lists types", "consumer-groups", "--list", "--type")
    run("lists the classic", "consumer-groups", "--list", "--type", "classic")
    run("lists the consumers", "consumer-groups", "--list", "--type", "consumer")
    run("describes", "consumer-groups", "--describe", *GROUP, sort=True)
    run("describes more", "consumer-groups", "--describe", *GROUP, "--verbose", sort=True)
    run("describes members", "consumer-groups", "--describe", *GROUP, "--members")
    run("describes state", "consumer-groups", "--describe", *GROUP, "--state")
    run("describes all", "consumer-groups", "--describe", "--all-groups", sort=True)
    run("describes what is missing", "consumer-groups", "--describe", "--group", "missing")
    run("lists", "groups", "--list")
    run("lists consumers", "groups", "--list", "--consumer")
    run("lists a protocol", "groups", "--list", "--protocol", "consumer")
    run("lists another protocol", "groups", "--list", "--protocol", "connect")
    run("lists the classic", "groups", "--list", "--group-type", "classic")
    run("lists shares", "groups", "--list", "--share")


def resets(session):
    """Every method of resetting, tried and done."""
    run = session.run
    reset = ("--reset-offsets", *GROUP)
    whole = (*reset, "--topic", TOPIC)
    run("wants a scope", "consumer-groups", *reset, "--to-earliest", keep=lambda line: "scope" in line)
    run("wants a method", "consumer-groups", *whole, keep=lambda line: "must" in line or "Missing" in line)
    run("would reset to the earliest", "consumer-groups", *whole, "--to-earliest", "--dry-run", sort=True)
    run("describes after a dry run", "consumer-groups", "--describe", *GROUP, sort=True)
    for name, *method in (("the earliest", "--to-earliest"), ("an offset", "--to-offset", "7"), ("by shift", "--shift-by", "5"),
                          ("before the start", "--shift-by", "-100"), ("behind the end", "--to-offset", "100000"), ("the latest", "--to-latest"),
                          ("the current", "--to-current"), ("by duration", "--by-duration", "P1D"), ("a past time", "--to-datetime", "2001-01-01T00:00:00.000"),
                          ("a future time", "--to-datetime", "2201-01-01T00:00:00.000")):
        run(f"resets to {name}", "consumer-groups", *whole, *method, "--execute", sort=True)
    run("describes after the resets", "consumer-groups", "--describe", *GROUP, sort=True)
    run("resets two partitions", "consumer-groups", *reset, "--topic", f"{TOPIC}:0,2", "--to-offset", "3", "--execute", sort=True)
    run("resets all topics", "consumer-groups", *reset, "--all-topics", "--shift-by", "2", "--execute", sort=True)
    plan = session.file("plan.csv", f"{TOPIC},0,9\n{TOPIC},1,8\n")
    run("resets by a file", "consumer-groups", *reset, "--from-file", plan, "--execute", sort=True)
    run("exports", "consumer-groups", *whole, "--to-current", "--export", sort=True)
    run("resets a missing topic", "consumer-groups", *reset, "--topic", "missing", "--to-earliest", "--execute")
    run("resets a new group", "consumer-groups", "--reset-offsets", "--group", "fresh", "--topic", TOPIC, "--to-offset", "1", "--execute", sort=True)
    run("describes after all", "consumer-groups", "--describe", *GROUP, sort=True)
    run("describes the new group", "consumer-groups", "--describe", "--group", "fresh", "--state")


def consumer(session, name, *arguments):
    """A verifiable consumer that runs, and its events by a queue of names."""
    process = subprocess.Popen(session.command("verifiable-consumer", *arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    events, arrived = [], threading.Condition()

    def listen():
        for line in process.stdout:
            if line.startswith(b"{"):
                with arrived:
                    events.append(json.loads(line))
                    arrived.notify_all()

    threading.Thread(target=listen, daemon=True).start()

    def await_event(event):
        with arrived:
            if not arrived.wait_for(lambda: any(seen["name"] == event for seen in events), tools.SECONDS):
                raise SystemExit(f"verifiable-consumer {name}: no {event}")

    return process, events, await_event


def living(session):
    """A group with a member: what is told of it, and what is refused while it lives."""
    run = session.run
    group = ("--group", "living")
    process, events, await_event = consumer(session, "lives", "--topic", TOPIC, "--group-id", "living", "--session-timeout", "30000")
    try:
        await_event("offsets_committed")
        run("describes a living one", "consumer-groups", "--describe", *group, sort=True)
        run("describes its members", "consumer-groups", "--describe", *group, "--members")
        run("describes its members more", "consumer-groups", "--describe", *group, "--members", "--verbose")
        run("describes its state", "consumer-groups", "--describe", *group, "--state")
        run("lists states with a living one", "consumer-groups", "--list", "--state", sort=True)
        run("lists a living one", "groups", "--list", sort=True)
        run("does not reset a living one", "consumer-groups", "--reset-offsets", *group, "--topic", TOPIC, "--to-earliest", "--execute")
        run("does not delete a living one", "consumer-groups", "--delete", *group)
        run("does not delete its offsets", "consumer-groups", "--delete-offsets", *group, "--topic", TOPIC, sort=True)
    finally:
        process.terminate()
        process.wait(tools.SECONDS)
    await_event("shutdown_complete")
    names = [event["name"] for event in events if event["name"] not in ("records_consumed", "offsets_committed")]
    consumed = sum(event["count"] for event in events if event["name"] == "records_consumed")
    committed = {at["partition"]: at["offset"] for event in events if event["name"] == "offsets_committed" for at in event["offsets"]}
    session.note("verifiable-consumer lives", 0, f"{names}, {consumed} records, committed {sorted(committed.items())}".encode())
    run("deletes what has ended", "consumer-groups", "--delete", *group)


def deletes(session):
    run = session.run
    run("deletes offsets", "consumer-groups", "--delete-offsets", *GROUP, "--topic", f"{TOPIC}:1", sort=True)
    run("describes what is left", "consumer-groups", "--describe", *GROUP, sort=True)
    run("deletes offsets of a missing topic", "consumer-groups", "--delete-offsets", *GROUP, "--topic", "missing", sort=True)
    run("deletes offsets of a missing group", "consumer-groups", "--delete-offsets", "--group", "missing", "--topic", TOPIC, sort=True)
    run("deletes", "consumer-groups", "--delete", *GROUP)
    run("deletes again", "consumer-groups", "--delete", *GROUP)
    # Some have a number for a name.
    run("deletes all", "consumer-groups", "--delete", "--all-groups", keep=lambda line: "was successful" not in line)
    run("lists nothing", "consumer-groups", "--list")


def consumers(session):
    """The tools that measure. What they measured is left out; how many records they read is not."""
    run = session.run
    run("ends by itself", "verifiable-consumer", "--topic", TOPIC, "--group-id", "counted", "--max-messages", "60",
        keep=lambda line: '"records_consumed"' not in line and '"offsets_committed"' not in line)
    columns = []
    run("measures", "consumer-perf-test", "--topic", TOPIC, "--num-records", "120", "--timeout", "60000", "--group", "measured",
        keep=lambda line: columns.append(line.split(", ")) or "start.time" in line)
    read = [row[4] for row in columns if row[0][:2] == "20"]
    session.note("consumer-perf-test records", 0, ", ".join(read).encode())
    said = []
    run("measures", "end-to-end-latency", session.broker.address, "latency", "50", "all", "100",
        keep=lambda line: said.append(line) or False)
    session.note("end-to-end-latency tells", 0, b"\n".join(line.split(":")[0].encode() for line in said if "atency" in line or "Percentiles" in line))


def objects(text):
    """The records that a formatter printed as JSON, whatever stands before, between and behind them."""
    found, at = [], text.find('{"key"')
    while at >= 0:
        one, at = json.JSONDecoder().raw_decode(text, at)
        found.append(one)
        at = text.find('{"key"', at)
    return found


def shape(value):
    return f"version {value['version']} with {', '.join(sorted(value['data']))}" if value else "nothing"


def offsets_topic(session):
    """The coordinator's own topic, by Kafka's formatters: keys and values as they stand there."""
    for name, formatter in (("offsets", "OffsetsMessageFormatter"), ("groups", "GroupMetadataMessageFormatter")):
        said = []
        session.run(f"formats {name}", "console-consumer", "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "15000",
                    "--formatter", f"org.apache.kafka.tools.consumer.{formatter}", keep=lambda line: said.append(line) or False)
        rows = objects("".join(said))
        assert rows, f"{formatter} printed nothing: {said}"
        told = {f"key of type {row['key']['type']}, value of {shape(row['value'])}" for row in rows}
        session.note(f"console-consumer fields of {name}", 0, "\n".join(sorted(told)).encode())


def main():
    with recorded.broker() as broker:
        session = tools.Session(broker)
        prepare(session)
        looks(session)
        resets(session)
        living(session)
        offsets_topic(session)
        deletes(session)
        consumers(session)
    harness.report(recorded.conclude("group-tools", "\n".join(session.lines) + "\n"))


if __name__ == "__main__":
    sys.exit(main())
