"""Brokers to test clients against: Strandlog's real binary, or Apache Kafka 4.3.1 to check a script with.

    STRANDLOG_BINARY   the broker (default: target/release/strandlog)
    KAFKA_JARS         a directory with Kafka's jars; needed for the console tools and for --kafka
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READY_SECONDS = 60


def free_port():
    """A free port that stays free while its broker is down.

    It must be known before the start, since a broker that is started again must listen where its clients look for it;
    and it, and the cores' ports above it, must lie below the range from which the kernel gives clients theirs: a
    client that tries to connect to a dead broker's port within that range can be given that very port.
    """
    while True:
        port = random.randrange(12_000, 30_000)
        try:
            for taken in (port, port + 1000, port + 1001):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", taken))
            return port
        except OSError:
            continue


class Broker:
    """A broker process that can be stopped, killed and started again on its data."""

    STOPPED = (0,)

    def __init__(self, *, shards=2, options=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="strandlog-clients-"))
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.shards, self.options = shards, options
        self.process = None
        self.log = open(self.dir / "broker.log", "ab")

    def command(self):
        binary = os.environ.get("STRANDLOG_BINARY", ROOT / "target/release/strandlog")
        return [str(binary), "serve", "--log-dirs", str(self.dir / "data"),
                "--listeners", f"PLAINTEXT://{self.address}", "--shards", str(self.shards),
                "--memory", "512MiB", *self.options]

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"the broker stopped with {self.process.returncode}:\n{self.tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"the broker is not ready after {READY_SECONDS} s:\n{self.tail()}")

    def kill(self):
        """As a crash of the process does it: no signal handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        if status not in self.STOPPED:
            raise SystemExit(f"the broker stopped with {status}:\n{self.tail()}")

    def tail(self):
        self.log.flush()
        return "\n".join((self.dir / "broker.log").read_text(errors="replace").splitlines()[-30:])

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            sys.stderr.write(self.tail() + "\n")
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Kafka(Broker):
    """Apache Kafka as one KRaft node, from its jars."""

    # A JVM that ended in good order after a signal says which one.
    STOPPED = (0, 143)

    def java(self, main, *arguments):
        jars = os.environ["KAFKA_JARS"]
        return ["java", "-Xmx1g", "-cp", f"{jars}/*", main, *arguments]

    def command(self):
        config = self.dir / "server.properties"
        if not config.exists():
            controller = free_port()
            config.write_text("\n".join([
                "process.roles=broker,controller", "node.id=1",
                f"controller.quorum.voters=1@127.0.0.1:{controller}",
                f"listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
                f"advertised.listeners=PLAINTEXT://{self.address}",
                "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                f"log.dirs={self.dir / 'data'}", "offsets.topic.replication.factor=1",
                "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
                "group.initial.rebalance.delay.ms=0", ""]))
            # Without eligible leader replicas: they set min.insync.replicas on the cluster and refuse to let go of it.
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-c", str(config),
                                     "--feature", "eligible.leader.replicas.version=0",
                                     "-t", "AAAAAAAAQACAAAAAAAAAAQ"),
                           check=True, stdout=self.log, stderr=self.log)
        return self.java("kafka.Kafka", str(config))


def is_kafka():
    return "--kafka" in sys.argv


def broker(**options):
    """The broker that a suite runs against: Strandlog, or Kafka with --kafka."""
    return Kafka() if is_kafka() else Broker(**options)


def kcat(address, *arguments, **options):
    """Runs kcat and gives its output, as bytes."""
    command = ["kcat", "-b", address, "-X", "broker.address.family=v4", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def report(passed):
    """The closing line that the test runner's reader knows."""
    print(f"{passed} passed, 0 failed")
