// @confluentinc/kafka-javascript: librdkafka behind the interface of kafkajs.

const { Kafka, ConsumerGroupStates, logLevel } = require("@confluentinc/kafka-javascript").KafkaJS;
const { message, gather, member } = require("./records.js");

const MISSING = "not in this client";

class Client {
  constructor(address) {
    this.kafka = new Kafka({ kafkaJS: { brokers: [address], logLevel: logLevel.NOTHING }, "broker.address.family": "v4", "reconnect.backoff.max.ms": 200 });
  }

  async produce(topic, codec, records) {
    const producer = this.kafka.producer({ "compression.type": codec, "linger.ms": 20 });
    await producer.connect();
    try {
      await producer.send({ topic, messages: records.map(message) });
    } finally {
      await producer.disconnect();
    }
  }

  async read(topic, count) {
    const consumer = this.kafka.consumer({ kafkaJS: { groupId: `confluent-reads-${topic}`, fromBeginning: true } });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    try {
      return await gather(consumer, count);
    } finally {
      await consumer.disconnect();
    }
  }

  async join(group, topic, session, saw) {
    this.member = this.kafka.consumer({
      kafkaJS: { groupId: group, fromBeginning: true, autoCommit: false, sessionTimeout: session, heartbeatInterval: 500, partitionAssigners: ["range"] },
    });
    await this.member.connect();
    await this.member.subscribe({ topics: [topic] });
    await this.member.run(member(this.member, saw));
  }

  async leave() {
    await this.member.disconnect();
  }

  async administer(command) {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await this.ask(admin, command);
    } finally {
      await admin.disconnect();
    }
  }

  async ask(admin, { step, topic, group, partitions, value }) {
    switch (step) {
      case "create": {
        const configEntries = [{ name: "retention.ms", value }];
        const made = await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] });
        return made ? "done" : "not done";
      }
      case "partitions":
        return String((await admin.fetchTopicMetadata({ topics: [topic] }))[0].partitions.length);
      case "groups":
        return (await admin.listGroups()).groups.some(({ groupId }) => groupId === group) ? "listed" : "not listed";
      case "group": {
        const { state } = (await admin.describeGroups([group])).groups[0];
        return Object.keys(ConsumerGroupStates).find((name) => ConsumerGroupStates[name] === state);
      }
      case "offsets": {
        const offsets = await admin.fetchOffsets({ groupId: group });
        return String(offsets.flatMap((one) => one.partitions).reduce((sum, { offset }) => sum + Number(offset), 0));
      }
      case "delete-group": {
        const [{ error }] = await admin.deleteGroups([group]);
        if (error) throw error;
        return "done";
      }
      case "delete":
        await admin.deleteTopics({ topics: [topic] });
        return "done";
      default:
        return MISSING;
    }
  }
}

module.exports = Client;
