"""Measurements that take turns on one machine.

`python3 bench/series speed …` compares speeds, `python3 bench/series node …` says what a node costs
while nothing happens and how long it takes to come back, `python3 bench/series groups …` what consumer
groups cost. Servers run on core 0, the load generator on
core 1. A subject is `KIND` or `NAME=KIND OPTIONS`, where KIND is broker, ceiling, kafka or fio and
OPTIONS are those of its program (for kafka: lines of its configuration). `broker:PATH` and
`ceiling:PATH` are other binaries than those of `--broker` and `--ceiling`.
"""

import argparse
import shlex

import groups
import node
import speed
from subjects import Broker
from subjects import Ceiling
from subjects import Fio
from subjects import Kafka


def arguments():
    parser = argparse.ArgumentParser(
        prog="series", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--subject", action="append", required=True)
    common.add_argument("--dir", required=True, help="where all data goes; emptied")
    common.add_argument("--broker", help="the strandlog binary")
    common.add_argument("--load", help="the load generator's binary")
    common.add_argument("--ceiling", help="the ceiling's binary")
    common.add_argument("--kafka-jars", help="a directory with Apache Kafka's jars")
    parts = parser.add_subparsers(dest="part", required=True)
    speeds = parts.add_parser("speed", parents=[common])
    speeds.add_argument("--shape", action="append", required=True,
                        help="64x1k, 1x1k, 160x100, 900x1k, 2x1k-50; NAME@RATE for an open loop")
    speeds.add_argument("--runs", type=int, default=5)
    speeds.add_argument("--seconds", type=float, default=4)
    speeds.add_argument("--warmup", type=float, default=1)
    speeds.add_argument("--age", type=float, default=8,
                        help="seconds of 64x1k before the first run, so that space is used again")
    speeds.add_argument("--json", help="write every run to this file")
    nodes = parts.add_parser("node", parents=[common])
    nodes.add_argument("--partitions", type=int, default=1000)
    nodes.add_argument("--more", type=int, default=10_000,
                       help="further partitions, for what each takes; 0 for none")
    nodes.add_argument("--gigabytes", type=float, default=10, help="before kill -9; 0 for none")
    nodes.add_argument("--runs", type=int, default=3, help="starts after kill -9")
    coordinated = parts.add_parser("groups", parents=[common])
    coordinated.add_argument("--runs", type=int, default=3)
    coordinated.add_argument("--seconds", type=float, default=10)
    coordinated.add_argument("--groups", default="", metavar="OPTIONS",
                             help="options of `load groups`, in one word")
    return parser.parse_args()


def start(text, args, more=None):
    """The subject of that name; `more` are options for a kind of subject."""
    name, separator, rest = text.partition("=")
    words = shlex.split(rest if separator else text)
    (kind, _, binary), options = words[0].partition(":"), words[1:]
    options += (more or {}).get(kind, [])
    if kind == "broker":
        return Broker(name, args.dir, binary or args.broker, options)
    if kind == "ceiling":
        return Ceiling(name, args.dir, binary or args.ceiling, options)
    if kind == "kafka":
        return Kafka(name, args.dir, args.kafka_jars, options)
    if kind == "fio":
        return Fio(name, args.dir, options)
    raise SystemExit(f"series: no kind of subject: {kind}")


def main():
    args = arguments()
    if args.part == "speed":
        speed.run(args, start)
        return
    if args.part == "groups":
        groups.run(args, start)
        return
    for text in args.subject:
        server = start(text, args)
        try:
            node.idle(server, args.load, args.partitions, args.more)
            if args.gigabytes:
                node.restart(server, args.load, args.partitions, args.gigabytes, args.runs)
        finally:
            server.stop()


main()
