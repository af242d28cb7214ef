"""The README's quick starts, run as they stand there, against a broker on 127.0.0.1:9092 in a network namespace of its own.

What they need is fetched before (packages of pip, npm, the Go module proxy; Kafka's jars in KAFKA_JARS), since the namespace has nothing but a
loopback. A quick start fails when it exits with an error or does not print its greeting.
"""

import os
import pathlib
import re
import subprocess
import sys

import harness

README = harness.ROOT / "README.md"
WORK = harness.ROOT / "target" / "quickstarts"
INSIDE = "--inside"
SECONDS = 180
# Kafka's scripts by the class that each of them runs.
SCRIPTS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}


def blocks():
    """Language and code of every quick start."""
    section = README.read_text().split("## Quick starts\n")[1].split("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.S))


def sh(code, directory):
    for name, main in SCRIPTS.items():
        script = directory / name
        script.write_text(f"#!/bin/sh\nexec java -Xmx256m -cp '{os.environ['KAFKA_JARS']}/*' {main} \"$@\"\n")
        script.chmod(0o755)
    (directory / "hello.sh").write_text("set -e\n" + code)
    return ["env", f"PATH={directory}:{os.environ['PATH']}", "sh", "hello.sh"]


def python(code, directory):
    (directory / "hello.py").write_text(code)
    return [sys.executable, "hello.py"]


def java(code, directory):
    (directory / "Hello.java").write_text(code)
    link = directory / "kafka"
    if not link.exists():
        link.symlink_to(os.environ["KAFKA_JARS"])
    return ["java", "-cp", "kafka/*", "Hello.java"]


def go(code, directory):
    (directory / "hello.go").write_text(code)
    return ["go", "run", "."]


def js(code, directory):
    (directory / "hello.js").write_text(code)
    return ["node", "hello.js"]


QUICKSTARTS = {"sh": (sh, "a shell"), "python": (python, "Python"), "java": (java, "Java"), "go": (go, "Go"), "js": (js, "Node")}


def prepare():
    """What the package managers bring, and what compilers need, while there is a network."""
    for language in QUICKSTARTS:
        (WORK / language).mkdir(parents=True, exist_ok=True)
    if not (WORK / "go" / "go.mod").exists():
        subprocess.run(["go", "mod", "init", "hello"], cwd=WORK / "go", check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["go", "get", "github.com/twmb/franz-go/pkg/kgo@v1.22.2"], cwd=WORK / "go", check=True, stderr=subprocess.DEVNULL)
    go(blocks()["go"], WORK / "go")
    subprocess.run(["go", "build", "-o", os.devnull, "."], cwd=WORK / "go", check=True)
    subprocess.run(["npm", "install", "--silent", "kafkajs@2.2.4"], cwd=WORK / "js", check=True)


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    found = blocks()
    assert set(found) == set(QUICKSTARTS), sorted(found)
    broker = harness.broker()
    broker.port, broker.address = 9092, "127.0.0.1:9092"
    passed = 0
    with broker:
        for language, (setup, who) in QUICKSTARTS.items():
            directory = WORK / language
            done = subprocess.run(setup(found[language], directory), cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=SECONDS)
            said = done.stdout.decode()
            if done.returncode != 0 or f"hello from {who}" not in said:
                raise SystemExit(f"{language}: status {done.returncode}\n{said}\n{done.stderr.decode()[-3000:]}")
            print(f"{language}: {said.strip().splitlines()[-1]}", flush=True)
            passed += 1
    harness.report(passed)


def main():
    if INSIDE in sys.argv:
        return inside()
    prepare()
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    return subprocess.run([*namespace, sys.executable, str(pathlib.Path(__file__)), INSIDE, *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
