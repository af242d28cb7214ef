"""kcat, a process for each thing that it does. It prints null and empty alike: lengths tell them apart."""

import os
import signal
import subprocess
import tempfile
import threading

from records import packed, unpack

FIELD, END = b"\x1d", b"\x1e\n"


class Client:
    def __init__(self, address):
        self.command = ["kcat", "-b", address, "-X", "broker.address.family=v4"]
        self.address = address
        self.member = None

    def name_of(self, error):
        return repr(error)

    def run(self, *arguments, content=None):
        return subprocess.run([*self.command, *arguments], input=content, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def produce(self, topic, codec, records):
        """Timestamps are its own: a command line cannot say them."""
        for record in records:
            key, value = unpack(record["key"]), unpack(record["value"])
            words = ["-P", "-t", topic, "-p", "0", "-z", codec]
            words += [word for name, content in record["headers"] for word in ("-H", f"{name}={unpack(content).decode()}")]
            if value:
                keyed = [] if key is None else ["-k", key.decode()]
                with tempfile.NamedTemporaryFile() as file:
                    file.write(value)
                    file.flush()
                    self.run(*words, *keyed, file.name)
            else:
                # It takes no empty file, but a line with a key and nothing behind it.
                self.run(*words, "-K", "=", *(["-Z"] if value is None else []), content=key + b"=\n")
        return len(records)

    def read(self, topic, count):
        output = self.run("-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-c", str(count), "-f", "%o\x1d%T\x1d%K\x1d%S\x1d%k\x1d%s\x1e\n")
        records, at = [], 0
        for _ in range(count):
            words = []
            for _ in range(4):
                end = output.index(FIELD, at)
                words.append(int(output[at:end]))
                at = end + 1
            offset, time, *lengths = words
            contents = []
            for length, ending in zip(lengths, (FIELD, END)):
                contents.append(None if length < 0 else output[at:at + length])
                at += max(length, 0) + len(ending)
            records.append(packed(offset, *contents, [], time))
        return records

    def join(self, group, topic, session, saw):
        self.member = subprocess.Popen(
            [*self.command, "-u", "-q", "-X", f"session.timeout.ms={session}", "-X", "heartbeat.interval.ms=500", "-X", "auto.offset.reset=earliest",
             "-X", "auto.commit.interval.ms=100", "-X", "partition.assignment.strategy=range", "-X", "reconnect.backoff.max.ms=200", "-G", group, topic],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        def tell():
            for line in self.member.stdout:
                saw([line.rstrip(b"\n").decode()])

        threading.Thread(target=tell, daemon=True).start()

    def leave(self):
        os.kill(self.member.pid, signal.SIGINT)
        self.member.wait(60)

    def admin(self, step, topic, group, partitions, value):
        return "not in this client"
