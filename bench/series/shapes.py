"""What is sent: each shape is a set of options of the load generator."""

import re

# name: (records, bytes of a record, connections, depth, partitions)
CLOSED = {
    "64x1k": (64, 1024, 4, 5, 16),
    "1x1k": (1, 1024, 16, 5, 16),
    "160x100": (160, 100, 4, 5, 16),
    "900x1k": (900, 1024, 4, 2, 16),
    "2x1k-50": (2, 1024, 50, 1, 100),
}

# Open loop, `NAME@RATE`: requests a second over 16 connections on a schedule.
OPEN = {
    "64x1k": (64, 1024, 16, 5, 16),
    "16x1k": (16, 1024, 16, 5, 16),
    "1x1k": (1, 1024, 16, 5, 16),
    "160x100": (160, 100, 16, 5, 16),
}

# A partition keeps this much, so that space is used again within a run.
TOPIC_CONFIGS = ["retention.bytes=67108864", "segment.bytes=16777216"]


class Shape:
    """A closed loop `NAME`, or an open one `NAME@RATE`."""

    def __init__(self, text):
        match = re.fullmatch(r"([^@]+)(?:@([0-9.]+))?", text)
        name, rate = match.groups()
        table = CLOSED if rate is None else OPEN
        if name not in table:
            raise SystemExit(f"series: no shape {text}: {', '.join(CLOSED)}; open: {', '.join(OPEN)}")
        self.name = text
        self.rate = None if rate is None else float(rate)
        self.records, self.record_bytes, self.connections, self.depth, self.partitions = table[name]

    def topic(self):
        """Shapes with as many partitions share a topic."""
        return f"series-{self.partitions}"

    def load_options(self):
        options = [
            "--topic", self.topic(),
            "--partitions", self.partitions,
            "--records", self.records,
            "--record-bytes", self.record_bytes,
            "--connections", self.connections,
            "--depth", self.depth,
            "--produce-only",
        ]
        for config in TOPIC_CONFIGS:
            options += ["--topic-config", config]
        if self.rate is not None:
            options += ["--rate", self.rate]
        return [str(option) for option in options]

    def block_kib(self):
        """The disk's own block of this shape: what the values of one request take."""
        return max(4, self.records * self.record_bytes // 1024)
