"""What a suite was answered, compared with what Apache Kafka 4.3.1 answered to the same suite.

A record is a text: one answer per line, `name: answer`. It lies in recorded/ and is made anew by the suite's --record, which runs the
suite against Kafka. Where the broker may answer otherwise, recorded/SUITE.allowed says so, one entry per line:

    NAME | REASON

with shell wildcards in NAME. A difference that no entry covers fails the suite, and so does an entry that covers none.
"""

import difflib
import fnmatch
import sys

import harness

RECORDED = harness.HERE / "recorded"


def parse(text):
    """(name, answer) of every line."""
    lines = [line for line in text.splitlines() if line]
    return [tuple(line.split(": ", 1)) if ": " in line else (line, "") for line in lines]


def allowed(suite):
    path = RECORDED / f"{suite}.allowed"
    if not path.exists():
        return []
    entries = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, separator, reason = line.partition(" | ")
            if not separator or not reason.strip():
                raise SystemExit(f"{path}: an entry without a reason: {line}")
            entries.append(name.strip())
    return entries


def differences(recorded, answered):
    """Names whose answers differ, are missing, or are there too often; names may come several times."""
    def by_name(pairs):
        table = {}
        for name, answer in pairs:
            table.setdefault(name, []).append(answer)
        return table
    before, after = by_name(recorded), by_name(answered)
    return [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]


def conclude(suite, text):
    """Keeps the record (--record, against Kafka), or compares with it; gives the count of equal answers."""
    path = RECORDED / f"{suite}.txt"
    if "--record" in sys.argv:
        path.write_text(text)
        print(f"{path.name}: {len(parse(text))} answers recorded")
        return len(parse(text))
    recorded, answered = parse(path.read_text()), parse(text)
    if not answered:
        raise SystemExit(f"{suite}: nothing was answered")
    entries, used, failures = allowed(suite), set(), []
    differing = differences(recorded, answered)
    for name in differing:
        covering = [entry for entry in entries if fnmatch.fnmatchcase(name, entry)]
        used.update(covering)
        if not covering:
            of = lambda pairs: [answer for own, answer in pairs if own == name]
            failures.append("\n".join(difflib.unified_diff(of(recorded), of(answered), f"{name}: Kafka", f"{name}: here", lineterm="")))
    failures += [f"{suite}.allowed: stale entry: {entry}" for entry in entries if entry not in used]
    if failures:
        raise SystemExit("\n\n".join(failures) + f"\n\n{suite}: {len(failures)} failures")
    return len(parse(path.read_text())) - len(differing)


def broker(**options):
    """Strandlog; Kafka itself with --record or --kafka."""
    return harness.Kafka() if {"--record", "--kafka"} & set(sys.argv) else harness.Broker(**options)
