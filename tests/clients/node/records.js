// Records as the protocol of programs.py writes them, and as both clients have them.

const unpack = (text) => (text === null ? null : Buffer.from(text, "base64"));
const pack = (bytes) => (bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString("base64"));

// A header that comes twice is a list.
function message({ key, value, headers, time }) {
  const table = {};
  for (const [name, content] of headers) {
    (table[name] ||= []).push(unpack(content));
  }
  for (const name of Object.keys(table)) {
    if (table[name].length === 1) [table[name]] = table[name];
  }
  return { key: unpack(key), value: unpack(value), headers: table, timestamp: String(time), partition: 0 };
}

function record({ offset, key, value, headers, timestamp }) {
  const pairs = Object.entries(headers || {}).flatMap(([name, contents]) => [contents].flat().map((content) => [name, pack(content)]));
  return { offset: Number(offset), key: pack(key), value: pack(value), headers: pairs, time: Number(timestamp) };
}

// Reads so many records of partition 0 with a consumer that is connected and subscribed.
async function gather(consumer, count) {
  const records = [];
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${records.length} of ${count} were read`)), 60_000);
    consumer
      .run({
        eachMessage: async ({ message }) => {
          records.push(record(message));
          if (records.length === count) {
            clearTimeout(late);
            resolve();
          }
        },
      })
      .catch(reject);
  });
  return records;
}

// Tells what it read, commits it, and reads on.
const member = (consumer, saw) => ({
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset }) => {
    if (batch.messages.length === 0) return;
    saw(batch.messages.map((message) => message.value.toString()));
    const last = batch.messages[batch.messages.length - 1].offset;
    resolveOffset(last);
    await consumer.commitOffsets([{ topic: batch.topic, partition: batch.partition, offset: String(Number(last) + 1) }]);
  },
});

module.exports = { message, gather, member };
