// Answers requests, one JSON object a line: {id, command, ...} gives {id, result} or {id, error, message}; errors by the protocol's codes.
'use strict';
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs');

const kafka = new Kafka({ clientId: 'kafkajs', brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
const session = { sessionTimeout: 6000, heartbeatInterval: 300 };
let readers = 0;

const text = value => value === null || value === undefined ? null : value.toString();

function record(partition, message) {
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, text(value)]));
  return { partition, offset: Number(message.offset), timestamp: Number(message.timestamp), key: text(message.key), value: text(message.value), headers };
}

// Reads with a group of its own or the given one, until `enough` says so; what it has read is committed.
async function read(topic, groupId, enough, accept) {
  const consumer = kafka.consumer({ groupId, ...session, maxWaitTimeInMs: 100, retry: { retries: 3 } });
  const records = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, event => reject(event.payload.error));
      consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          if (!accept(partition, message) || enough(records)) return;
          records.push(record(partition, message));
          await consumer.commitOffsets([{ topic, partition, offset: (BigInt(message.offset) + 1n).toString() }]);
          if (enough(records)) resolve();
        },
      }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

// A client for each request: one asks for every topic that it was ever asked about, and fails once another test has deleted one of them.
const administer = request => async details => {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await request(admin, details);
  } finally {
    await admin.disconnect();
  }
};

const fetchRange = async (admin, topic, partition) => (await admin.fetchTopicOffsets(topic)).find(each => each.partition === partition);
const range = administer((admin, { topic, partition }) => fetchRange(admin, topic, partition));

const commands = {
  async produce({ topic, records, compression, idempotent }) {
    const producer = kafka.producer({ idempotent });
    await producer.connect();
    try {
      await producer.send({
        topic,
        acks: -1,
        compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: records.map(({ partition, timestamp, key, value, headers }) =>
          ({ partition: partition ?? undefined, timestamp: timestamp === null ? undefined : String(timestamp), key, value, headers })),
      });
    } finally {
      await producer.disconnect();
    }
  },

  async read({ topic, partition }) {
    const { low, high } = await range({ topic, partition });
    if (low === high) return [];
    return await read(topic, `${topic}-reader-${++readers}`,
      records => records.length > 0 && records[records.length - 1].offset >= Number(high) - 1, found => found === partition);
  },

  readInGroup: ({ topic, group, count }) => read(topic, group, records => records.length === count, () => true),

  async offsets({ topic, partition }) {
    const { low, high } = await range({ topic, partition });
    return { low: Number(low), high: Number(high) };
  },

  offsetAt: administer(async (admin, { topic, partition, timestamp }) => {
    const found = (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).find(each => each.partition === partition);
    return Number(found.offset);
  }),

  async share({ topic, group, partitions }) {
    const consumers = [0, 1].map(() => kafka.consumer({ groupId: group, ...session, maxWaitTimeInMs: 100 }));
    const assigned = [[], []];
    let changed = () => {};
    consumers.forEach((consumer, index) => consumer.on(consumer.events.GROUP_JOIN, event => {
      assigned[index] = event.payload.memberAssignment[topic] ?? [];
      changed();
    }));
    const until = reached => new Promise(resolve => (changed = () => reached() && resolve())());
    for (const consumer of consumers) {
      await consumer.connect();
      await consumer.subscribe({ topic });
      await consumer.run({ eachMessage: async () => {} });
    }
    await until(() => assigned.every(each => each.length > 0) && assigned.flat().length === partitions);
    const both = assigned.map(each => [...each].sort());
    const described = await administer(async admin => (await admin.describeGroups([group])).groups[0])();
    await consumers[1].disconnect();
    await until(() => assigned[0].length === partitions);
    const one = [...assigned[0]].sort();
    await consumers[0].disconnect();
    return { both, one, state: described.state, members: described.members.length };
  },

  createTopic: administer(async (admin, { topic, partitions, replicas, settings }) => {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const topics = [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }];
    // Waiting, this client would fail where the broker that it asks does not know the topic yet.
    const made = await admin.createTopics({ topics, waitForLeaders: false });
    // That a topic exists is no error to this client.
    if (!made) throw Object.assign(new Error('the topic exists'), { code: 36 });
  }),

  deleteTopic: administer((admin, { topic }) => admin.deleteTopics({ topics: [topic] })),

  createPartitions: administer((admin, { topic, total }) => admin.createPartitions({ topicPartitions: [{ topic, count: total }] })),

  partitions: administer(async (admin, { topic }) => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length),

  settings: administer(async (admin, { topic }) => {
    const described = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] });
    return Object.fromEntries(described.resources[0].configEntries.map(entry => [entry.configName, entry.configValue]));
  }),

  alterSettings: administer((admin, { topic, settings }) => admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) }],
  })),

  deleteRecords: administer(async (admin, { topic, partition, before }) => {
    // This client looks for the leader among what it knows, and knows nothing of a topic that it was not asked for before.
    await fetchRange(admin, topic, partition);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  }),

  committed: administer(async (admin, { group, topic, partition }) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return Number(partitions.find(each => each.partition === partition)?.offset ?? -1);
  }),

  groups: administer(async admin => (await admin.listGroups()).groups.map(each => each.groupId)),

  deleteGroup: administer((admin, { group }) => admin.deleteGroups([group])),

  cluster: administer(async admin => {
    const { brokers, controller, clusterId } = await admin.describeCluster();
    return { brokers: brokers.map(each => `${each.host}:${each.port}`), controller, clusterId };
  }),
};

// This client wraps the broker's error in its own, one in another.
const codeOf = error => error === null || error === undefined ? null
  : typeof error.code === 'number' ? error.code
  : error.errors?.[0] ? codeOf(error.errors[0])
  : error.groups?.[0] ? error.groups[0].errorCode
  : codeOf(error.originalError ?? error.cause);

async function answer(line) {
  const { id, command, ...request } = JSON.parse(line);
  try {
    return { id, result: await commands[command](request) ?? null };
  } catch (error) {
    return { id, error: codeOf(error) ?? -1000, message: `${error.name}: ${error.message}` };
  }
}

const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', async line => process.stdout.write(`${JSON.stringify(await answer(line))}\n`));
lines.on('close', () => process.exit(0));
