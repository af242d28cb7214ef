// The Node clients, by the protocol of programs.py.

const readline = require("readline");

const CLIENTS = { kafkajs: "./kafkajs.js", "confluent-kafka-javascript": "./confluent.js" };

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

async function carryOut(client, command) {
  switch (command.do) {
    case "produce":
      await client.produce(command.topic, command.codec, command.records);
      return { produced: command.records.length };
    case "read":
      return { records: await client.read(command.topic, command.count) };
    case "join":
      await client.join(command.group, command.topic, command.session, (values) => say({ saw: values }));
      return { joined: true };
    case "leave":
      await client.leave();
      return { left: true };
    default:
      return { answer: await client.administer(command) };
  }
}

async function main() {
  const [, , name, address] = process.argv;
  const Client = require(CLIENTS[name]);
  const client = new Client(address);
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let answer;
    try {
      answer = await carryOut(client, JSON.parse(line));
    } catch (error) {
      const cause = error.errors ? error.errors[0] : error;
      answer = { error: cause.type || cause.message };
    }
    say(answer);
  }
  process.exit(0);
}

main();
