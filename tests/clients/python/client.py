"""The Python clients, and kcat, by the protocol of programs.py."""

import importlib
import json
import sys
import threading

CLIENTS = {"confluent-kafka": "confluent", "kafka-python": "kafka_python", "aiokafka": "aio", "kcat": "kcat"}
SAYING = threading.Lock()


def say(line):
    with SAYING:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main():
    name, address = sys.argv[1:]
    client = importlib.import_module(CLIENTS[name]).Client(address)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = carry_out(client, command)
        except Exception as error:  # noqa: BLE001: whatever a client throws is its answer
            answer = {"error": client.name_of(error)}
        say(answer)


def carry_out(client, command):
    do = command["do"]
    if do == "produce":
        return {"produced": client.produce(command["topic"], command["codec"], command["records"])}
    if do == "read":
        return {"records": client.read(command["topic"], command["count"])}
    if do == "join":
        client.join(command["group"], command["topic"], command["session"], lambda values: say({"saw": values}))
        return {"joined": True}
    if do == "leave":
        client.leave()
        return {"left": True}
    return {"answer": client.admin(command["step"], command["topic"], command["group"], command["partitions"], command["value"])}


if __name__ == "__main__":
    main()
