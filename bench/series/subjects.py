"""What is measured: processes on core 0 that are stopped (SIGSTOP) while it is another's turn."""

import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from shapes import Shape

READY_WITHIN_S = 180

# ApiVersions, version 0, without a client's name.
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


# Below the ports that the kernel gives to clients: a probe of one of those can meet itself.
PORTS = itertools.count(21_000 + os.getpid() % 5_000)


def free_port():
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def pinned(command, core=0):
    return ["taskset", "-c", str(core), *[str(part) for part in command]]


class Server:
    """A process that takes produce requests on a port."""

    def __init__(self, name, home):
        self.name = name
        self.home = os.path.join(home, name)
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)
        self.port = free_port()
        self.command = None
        self.process = None

    def start(self, command=None):
        """Starts it, the first time with its command, and returns after how many seconds it
        answered."""
        self.command = command or self.command
        begun = time.monotonic()
        with open(os.path.join(self.home, "log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(pinned(self.command), stdout=log, stderr=log)
        while time.monotonic() < begun + READY_WITHIN_S:
            if self.process.poll() is not None:
                raise SystemExit(f"series: {self.name} ended, see {self.home}/log")
            if self.answers():
                return time.monotonic() - begun
            time.sleep(0.005)
        raise SystemExit(f"series: {self.name} does not answer, see {self.home}/log")

    def answers(self):
        """Whether it answers a request. A port may listen before anybody serves it."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), READY_WITHIN_S) as probe:
                probe.sendall(API_VERSIONS)
                return len(probe.recv(4)) > 0
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def cpu_s(self):
        """User and system time so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as lines:
            line = next(line for line in lines if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.go_on()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def written(self):
        """Bytes that the process has caused to be written to devices."""
        with open(f"/proc/{self.process.pid}/io", encoding="utf-8") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))

    def age(self, load, seconds):
        """Writes for a while, so that the runs that count use space again."""
        self.measure(Shape("64x1k"), load, seconds, 0)

    def measure(self, shape, load, seconds, warmup):
        out = os.path.join(self.home, "load.json")
        command = [load, "--bench", "--bootstrap", f"127.0.0.1:{self.port}", "--core", "1"]
        command += ["--seconds", seconds, "--warmup", warmup, "--pid", self.process.pid]
        command += ["--json", out, *shape.load_options()]
        before = self.written()
        ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if ran.returncode != 0:
            raise SystemExit(f"series: {self.name}, {shape.name}: {ran.stderr or ran.stdout}")
        with open(out, encoding="utf-8") as file:
            report = json.load(file)
        sent = report["value_bytes_per_second"] * (seconds + warmup)
        latency = report["acknowledged_us"]
        return {
            "mb_s": report["value_bytes_per_second"] / 1e6,
            "k_requests_s": report["requests_per_second"] / 1e3,
            "k_records_s": report["records_per_second"] / 1e3,
            "p50_us": latency["p50"],
            "p99_us": latency["p99"],
            "p999_us": latency["p99.9"],
            "core": 100 * report["broker_cpu_s"] / seconds,
            "load_core": 100 * report["generator_cpu_s"] / seconds,
            "rss_mib": report["broker_resident_bytes"] / 2**20,
            "device_per_byte": (self.written() - before) / max(sent, 1),
        }


class Broker(Server):
    def __init__(self, name, home, binary, options):
        super().__init__(name, home)
        self.start([
            binary, "serve",
            "--log-dirs", os.path.join(self.home, "data"),
            "--listeners", f"PLAINTEXT://127.0.0.1:{self.port}",
            "--shard-port-offset", 1 + self.port % 7,
            "--shards", 1,
            "--log-retention-check-interval-ms", 200,
            *options,
        ])


class Ceiling(Server):
    def __init__(self, name, home, binary, options):
        super().__init__(name, home)
        self.start([binary, "--bench", "--port", self.port, "--dir", self.home,
                    "--partitions", 100, *options])


KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={home}/data
offsets.topic.replication.factor=1
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
broker.session.timeout.ms=3600000
{more}
"""


class Kafka(Server):
    """Apache Kafka, one node; its heap is the 1 GiB of its own start script."""

    def __init__(self, name, home, jars, more):
        super().__init__(name, home)
        config = os.path.join(self.home, "server.properties")
        with open(config, "w", encoding="utf-8") as file:
            file.write(KAFKA.format(
                port=self.port, controller=free_port(), home=self.home, more="\n".join(more)))
        java = ["java", "-Xmx1G", "-Xms1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
                "-cp", os.path.join(jars, "*")]
        cluster = "MkU3OEVBNTcwNTJENDM2Qg"
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config],
            check=True, capture_output=True)
        self.start([*java, "kafka.Kafka", config])


class Fio:
    """The disk's own: writes of the shape's size, O_DIRECT and O_DSYNC, over a zeroed file."""

    BYTES = 1 << 30

    def __init__(self, name, home, options):
        self.name = name
        self.options = options
        os.makedirs(home, exist_ok=True)
        self.file = os.path.join(home, f"{name}.fio")
        command = ["fio", "--name=zero", f"--filename={self.file}", "--rw=write", "--bs=1m",
                   f"--size={self.BYTES}", "--direct=1", "--zero_buffers=1", "--end_fsync=1"]
        subprocess.run(command, check=True, capture_output=True)

    def age(self, _load, _seconds):
        """Its file is written already."""

    def pause(self):
        """It runs only while it is measured."""

    def go_on(self):
        """As above."""

    def stop(self):
        os.remove(self.file)

    def measure(self, shape, _load, seconds, warmup):
        command = ["fio", "--name=disk", f"--filename={self.file}", "--rw=write",
                   f"--bs={shape.block_kib()}k", f"--size={self.BYTES}", "--direct=1", "--sync=dsync",
                   "--ioengine=io_uring", "--time_based", f"--runtime={seconds}",
                   f"--ramp_time={warmup}", "--lat_percentiles=1", "--percentile_list=50:99:99.9",
                   "--output-format=json", *self.options]
        if shape.rate is not None:
            command += [f"--rate_iops={shape.rate:.0f}", "--iodepth=16"]
        ran = subprocess.run(pinned(command), check=True, capture_output=True, text=True)
        job = json.loads(ran.stdout[ran.stdout.index("{"):])["jobs"][0]
        write = job["write"]
        quantiles = {
            key: value / 1e3 for key, value in write["lat_ns"]["percentile"].items()}
        return {
            "mb_s": write["bw_bytes"] / 1e6,
            "k_requests_s": write["iops"] / 1e3,
            "p50_us": quantiles["50.000000"],
            "p99_us": quantiles["99.000000"],
            "p999_us": quantiles["99.900000"],
            "core": job["usr_cpu"] + job["sys_cpu"],
        }
