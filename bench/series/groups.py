"""What coordinating groups costs: servers take turns, and medians are printed."""

import json
import os
import statistics
import subprocess

# Without it a group waits for more members before its first rebalance, which is no work.
NO_DELAY = {"broker": ["--group-initial-rebalance-delay-ms", "0"],
            "kafka": ["group.initial.rebalance.delay.ms=0"]}

COLUMNS = [
    ("members join, s", lambda run: run["joined_s"], ".2f"),
    ("heartbeats/s", lambda run: run["heartbeats_per_second"], ".0f"),
    ("core %", lambda run: run["heartbeat_broker_core"], ".1f"),
    ("p50 ms", lambda run: run["heartbeat_us"]["p50"] / 1e3, ".2f"),
    ("p99 ms", lambda run: run["heartbeat_us"]["p99"] / 1e3, ".2f"),
    ("commits/s", lambda run: run["commits_per_second"], ".0f"),
    ("core %", lambda run: run["commit_broker_core"], ".0f"),
    ("p99 ms", lambda run: run["commit_us"]["p99"] / 1e3, ".1f"),
    ("rebalance, ms", lambda run: run["rebalance_ms"], ".0f"),
    ("join storm, ms", lambda run: run["storm_ms"], ".0f"),
]


def measure(server, load, seconds, options):
    out = os.path.join(server.home, "groups.json")
    command = [load, "groups", "--bootstrap", f"127.0.0.1:{server.port}", "--core", 1,
               "--pid", server.process.pid, "--seconds", seconds, "--json", out, *options, "--bench"]
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"series: {server.name}: {ran.stderr or ran.stdout}")
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def run(args, start):
    """`start` makes a subject of its name on the command line, with more options."""
    servers, runs = [], {}
    try:
        for text in args.subject:
            server = start(text, args, NO_DELAY)
            server.pause()
            servers.append(server)
        for number in range(args.runs):
            for server in servers if number % 2 == 0 else reversed(servers):
                server.go_on()
                runs.setdefault(server.name, []).append(
                    measure(server, args.load, args.seconds, args.groups.split()))
                server.pause()
    finally:
        for server in servers:
            server.stop()
    print("| | " + " | ".join(title for title, _, _ in COLUMNS) + " |")
    print("|--" * (1 + len(COLUMNS)) + "|")
    for name, own in runs.items():
        cells = [format(statistics.median(figure(run) for run in own), form)
                 for _, figure, form in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |")
