// A client in another language, from the same .proto files: adds, streams, searches, lists, and reads a typed error.
//
//   node client.js HOST:PORT PROTOS_FOLDER USER_ID [API_KEY]
//
// Prints one JSON object; exits with 1 when anything fails.
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const [address, protos, userId, key] = process.argv.slice(2);
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] };
const { memcube } = grpc.loadPackageDefinition(loader.loadSync('memcube/v1/service.proto', options));
const client = new memcube.v1.MemCubeService(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (key) metadata.set('authorization', `Bearer ${key}`);

const deadline = () => ({ deadline: Date.now() + 20_000 });

function call(method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, metadata, deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function collect(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('error', reject);
    stream.on('end', () => resolve(parts));
  });
}

// The ErrorDetail of a failed call, from its trailers.
function detailOf(error) {
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) =>
    target.startsWith('memcube/') ? path.join(protos, target) : protobuf.util.path.resolve(origin, target);
  root.loadSync([path.join(__dirname, 'status.proto'), path.join(protos, 'memcube/v1/error.proto')]);
  const [packed] = error.metadata.get('grpc-status-details-bin');
  const status = root.lookupType('google.rpc.Status').decode(packed);
  const detail = root.lookupType('memcube.v1.ErrorDetail').decode(status.details[0].value);
  const facts = Object.fromEntries(detail.facts.map((fact) => [fact.name, fact.text || Number(fact.integer) || fact.number]));
  return { code: grpc.status[error.code], type: detail.type, facts, retryable: detail.retryable };
}

async function refused(method, request) {
  try {
    await call(method, request);
  } catch (error) {
    return detailOf(error);
  }
  throw new Error(`${method} was not refused`);
}

async function main() {
  const scope = { user_id: userId };
  const add = {
    scope,
    messages: [{ role: 'user', content: 'Meine Katze heißt Miso 🐈', time: { seconds: 1767225600, nanos: 0 } }],
    info: { fields: { mood: { stringValue: 'happy' } } },
    tags: ['node'],
    idempotency_key: 'node-1',
  };
  const first = await call('Add', add);
  const again = await call('Add', add);

  const stream = client.AddStream(metadata, deadline());
  const answers = collect(stream);
  for (let i = 0; i < 20; i += 1) stream.write({ scope, messages: [{ content: i === 7 ? '' : `note ${i} from Node` }] });
  stream.end();
  const streamed = await answers;

  const filter = { condition: { field: 'mood', op: 'OPERATOR_EQ', value: { stringValue: 'happy' } } };
  const found = await call('Search', { scope, query: 'Wie heißt die Katze?', top_k: 3 });
  const filtered = await call('Search', { scope, query: 'Katze', filter });
  const listed = await collect(client.ListStream({ scope }, metadata, deadline()));
  const events = await collect(client.ReadEvents({ cube_id: `user:${userId}`, from_seq: 1 }, metadata, deadline()));
  const got = await call('Get', { id: first.items[0].id });

  console.log(
    JSON.stringify({
      id: first.items[0].id,
      retried: again.items[0].id,
      memory: got.item.memory,
      said_at: got.item.valid_from.seconds,
      info: got.item.info,
      memory_type: got.item.memory_type,
      streamed: streamed.map((answer) => answer.result),
      stream_error: streamed[7].error && streamed[7].error.type,
      best: found.hits[0].item.memory,
      parts: found.hits[0].parts.map((part) => part.name),
      filtered: filtered.hits.map((hit) => hit.item.id),
      listed: listed.length,
      seqs: events.map((event) => event.seq),
      missing: await refused('Get', { id: `${'a'.repeat(20)}-${'a'.repeat(26)}` }),
      empty: await refused('Add', { scope, messages: [{ content: '' }] }),
    }),
  );
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => client.close());
