"""What the broker answers to requests that no client library sends: refusals, bounds, old versions, byte for byte.

`answers/Answers.java` asks; the answers are compared with those of Apache Kafka 4.3.1 (recorded.py). `--record` asks Kafka anew.
"""

import os
import subprocess
import sys

import harness
import recorded


def ask(broker):
    command = ["java", "-cp", f"{os.environ['KAFKA_JARS']}/*", str(harness.HERE / "answers" / "Answers.java"),
               "127.0.0.1", str(broker.port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout.decode()[-2000:]}\n{done.stderr.decode()[-4000:]}")
    return done.stdout.decode()


def main():
    with recorded.broker(options=("--group-initial-rebalance-delay-ms", "0")) as broker:
        text = ask(broker)
    harness.report(recorded.conclude("answers", text))


if __name__ == "__main__":
    sys.exit(main())
