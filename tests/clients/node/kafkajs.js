// kafkajs, with Snappy as its documentation adds it.

const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require("kafkajs");
const { message, gather, member } = require("./records.js");

CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };

// "range" as the Java client has it, so that its members and others understand each other: kafkajs knows an assignor of its own alone.
const range = ({ cluster }) => ({
  name: "range",
  version: 0,
  protocol: ({ topics }) => ({
    name: "range",
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
  assign: async ({ members, topics }) => {
    const sorted = members.map(({ memberId }) => memberId).sort();
    const assignment = Object.fromEntries(sorted.map((memberId) => [memberId, {}]));
    for (const topic of topics) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId).sort((a, b) => a - b);
      let from = 0;
      sorted.forEach((memberId, at) => {
        const share = Math.floor(partitions.length / sorted.length) + (at < partitions.length % sorted.length ? 1 : 0);
        assignment[memberId][topic] = partitions.slice(from, from + share);
        from += share;
      });
    }
    return sorted.map((memberId) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: assignment[memberId], userData: Buffer.alloc(0) }),
    }));
  },
});

class Client {
  constructor(address) {
    this.kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry: { maxRetryTime: 2000 } });
  }

  async produce(topic, codec, records) {
    const producer = this.kafka.producer();
    await producer.connect();
    try {
      await producer.send({ topic, compression: CODECS[codec], messages: records.map(message) });
    } finally {
      await producer.disconnect();
    }
  }

  async read(topic, count) {
    const consumer = this.kafka.consumer({ groupId: `kafkajs-reads-${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    try {
      return await gather(consumer, count);
    } finally {
      await consumer.disconnect();
    }
  }

  async join(group, topic, session, saw) {
    this.member = this.kafka.consumer({
      groupId: group,
      sessionTimeout: session,
      heartbeatInterval: 500,
      maxWaitTimeInMs: 200,
      partitionAssigners: [range],
    });
    await this.member.connect();
    await this.member.subscribe({ topics: [topic], fromBeginning: true });
    await this.member.run({ autoCommit: false, ...member(this.member, saw) });
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
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    switch (step) {
      case "create": {
        const configEntries = [{ name: "retention.ms", value }];
        const made = await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] });
        return made ? "done" : "not done";
      }
      case "grow":
        await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
        return "done";
      case "partitions":
        return String((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length);
      case "config": {
        const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ ...resource, configNames: ["retention.ms"] }] });
        return resources[0].configEntries[0].configValue;
      }
      case "alter":
        await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: "retention.ms", value }] }] });
        return "done";
      case "groups":
        return (await admin.listGroups()).groups.some(({ groupId }) => groupId === group) ? "listed" : "not listed";
      case "group":
        return (await admin.describeGroups([group])).groups[0].state;
      case "offsets": {
        const offsets = await admin.fetchOffsets({ groupId: group });
        return String(offsets.flatMap((one) => one.partitions).reduce((sum, { offset }) => sum + Number(offset), 0));
      }
      case "delete-group":
        await admin.deleteGroups([group]);
        return "done";
      default:
        await admin.deleteTopics({ topics: [topic] });
        return "done";
    }
  }
}

module.exports = Client;
