// Anthropic's library.

import Anthropic from '@anthropic-ai/sdk';

import { BASE, STATUSES, call, cases, stream } from './calls.mjs';

const client = new Anthropic({ baseURL: BASE, apiKey: 'sk-ant-client', maxRetries: 0, timeout: 30_000 });
const messages = [{ role: 'user', content: 'Hello' }];
const MESSAGES = '/v1/messages';
const LONG = 'replay.stream-text-and-tool';

const create = (model, options) => client.messages.create({ model, max_tokens: 64, messages, ...options });
const createStream = (model, limit) => stream(create(model, { stream: true }), limit);
const whole = (model) => client.messages.stream({ model, max_tokens: 64, messages }).finalMessage();

for (const { name, stream: streams } of cases('POST', MESSAGES)) {
  await call(name, () => (streams ? createStream(name) : create(name)));
  if (streams) await call(`${name}, whole`, () => whole(name));
}
for (const { name } of cases('POST', '/v1/messages/count_tokens')) {
  await call(name, () => client.messages.countTokens({ model: name, messages }));
}
for (const { name } of cases('POST', '/v1/messages/batches')) {
  const params = { model: name, max_tokens: 64, messages };
  await call(name, () => client.messages.batches.create({ requests: [{ custom_id: 'a', params }] }));
}

for (const status of [...STATUSES, 413, 529]) {
  await call(`message, ${status}`, () => create(`status-${status}`));
  await call(`message stream, ${status}`, () => createStream(`status-${status}`));
}

await call('message stream, cut', () => createStream(`${LONG}.cut`));
await call('message stream, cut, whole', () => whole(`${LONG}.cut`));
await call('message, cut', () => create('replay.json-thinking.cut'));
await call('message stream, left', () => createStream(`${LONG}.slow`, 1));
await call('headers of an answer', async () => (await create('replay.json-thinking').asResponse()).headers);
