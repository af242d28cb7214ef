"""What a node costs while nothing happens, and how long it takes to come back after kill -9."""

import statistics
import subprocess
import time

from shapes import Shape

IDLE_S = 20
SETTLE_S = 3


def produce(server, load, partitions, seconds, *options):
    """Closed loop over all partitions of a topic of that many, which is made when it is missing."""
    command = [load, "--bench", "--bootstrap", f"127.0.0.1:{server.port}", "--core", "1",
               "--topic", f"node-{partitions}", "--partitions", partitions, "--produce-only",
               "--seconds", seconds, "--warmup", 0, *options]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"series: {err or out}")
    return out


def idle_share(server):
    time.sleep(SETTLE_S)
    before = server.cpu_s()
    time.sleep(IDLE_S)
    return 100 * (server.cpu_s() - before) / IDLE_S


def idle(server, load, partitions, more):
    """Memory after the start, with `partitions` partitions, and for each of `more` further ones
    that got one small batch; the share of a core while nothing happens, before and after."""
    small = ["--records", 1, "--record-bytes", 100, "--connections", 4]
    time.sleep(SETTLE_S)
    print(f"| {server.name} | RSS after the start, MiB | {server.rss() / 2**20:.1f} |")
    finished(produce(server, load, partitions, 3, *small))
    share = idle_share(server)
    before = server.rss()
    print(f"| {server.name} | RSS with {partitions} partitions, MiB | {before / 2**20:.1f} |")
    print(f"| {server.name} | idle with {partitions} partitions, % of a core | {share:.2f} |")
    if more:
        finished(produce(server, load, more, 5, *small))
        share = idle_share(server)
        each = (server.rss() - before) / more
        print(f"| {server.name} | each of {more} further partitions, bytes | {each:.0f} |")
        print(f"| {server.name} | idle with those too, % of a core | {share:.2f} |")


def restart(server, load, partitions, gigabytes, runs):
    """Seconds from exec to the first answer, after kill -9 while producing."""
    shape = Shape("64x1k")
    fill = ["--records", shape.records, "--record-bytes", shape.record_bytes,
            "--connections", 16, "--depth", 5]
    written, rate = 0.0, 0.0
    while written < gigabytes * 1e9:
        seconds = 2 if rate == 0 else min(20, max(2, (gigabytes * 1e9 - written) / rate))
        out = finished(produce(server, load, partitions, seconds, *fill))
        line = next(line for line in out.splitlines() if line.startswith("produced"))
        rate = float(line.split()[1]) * 1e6
        written += rate * seconds
    took = []
    for _ in range(runs):
        producing = produce(server, load, partitions, 60, *fill)
        time.sleep(2)
        server.kill()
        producing.communicate()
        took.append(server.start())
        finished(produce(server, load, partitions, 1, *fill))
    each = ", ".join(f"{seconds:.2f}" for seconds in took)
    print(f"| {server.name} | back after kill -9, {written / 1e9:.0f} GB, {partitions} partitions, s "
          f"| {statistics.median(took):.2f} ({each}) |")
