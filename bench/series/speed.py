"""A series of speeds: subjects take turns, shape by shape, and medians are printed."""

import json
import os
import statistics

from shapes import Shape

COLUMNS = [
    ("mb_s", "MB/s", ".0f"),
    ("k_requests_s", "k requests/s", ".1f"),
    ("k_records_s", "k records/s", ".0f"),
    ("p50_us", "p50 µs", ".0f"),
    ("p99_us", "p99 µs", ".0f"),
    ("p999_us", "p99.9 µs", ".0f"),
    ("core", "core %", ".0f"),
    ("load_core", "load's core %", ".0f"),
    ("rss_mib", "RSS MiB", ".0f"),
    ("device_per_byte", "device bytes per byte", ".2f"),
]


def table(runs, subjects, shapes):
    seen = [column for column in COLUMNS if any(column[0] in run["figures"] for run in runs)]
    print("| shape | subject | " + " | ".join(title for _, title, _ in seen) + " |")
    print("|--" * (2 + len(seen)) + "|")
    for shape in shapes:
        for subject in subjects:
            own = [run["figures"] for run in runs
                   if (run["shape"], run["subject"]) == (shape.name, subject.name)]
            cells = []
            for key, _, form in seen:
                values = [figures[key] for figures in own if key in figures]
                cells.append(format(statistics.median(values), form) if values else "")
            print(f"| {shape.name} | {subject.name} | " + " | ".join(cells) + " |")


def run(args, start):
    """`start` makes a subject of its name on the command line."""
    shapes = [Shape(text) for text in args.shape]
    subjects, runs = [], []
    try:
        for text in args.subject:
            subject = start(text, args)
            subjects.append(subject)
            if args.age > 0:
                subject.age(args.load, args.age)
            subject.pause()
        for number in range(args.runs):
            # Every other round goes backwards: nobody is always first.
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                os.sync()
                subject.go_on()
                for shape in shapes:
                    figures = subject.measure(shape, args.load, args.seconds, args.warmup)
                    runs.append({"subject": subject.name, "shape": shape.name, "run": number,
                                 "figures": figures})
                subject.pause()
    finally:
        for subject in subjects:
            subject.stop()
        if args.json:
            with open(args.json, "w", encoding="utf-8") as file:
                json.dump(runs, file, indent=1)
    table(runs, subjects, shapes)
