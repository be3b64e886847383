// OpenAI's library.

import { File } from 'node:buffer';

import OpenAI, { toFile } from 'openai';

import { BASE, STATUSES, call, cases, sha256, stream } from './calls.mjs';

globalThis.File ??= File; // Node 18 has it, but not as a global

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: 'sk-client', maxRetries: 0, timeout: 30_000 });
const messages = [{ role: 'user', content: 'Hello' }];
const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const LONG_CHAT = 'replay.chat-stream-usage-in-an-extra-chunk';
const LONG_RESPONSE = 'replay.responses-stream-completed';

const chat = (model, options) => client.chat.completions.create({ model, messages, ...options });
const chatStream = (model, limit, options) => stream(chat(model, { stream: true, ...options }), limit);
const responses = (model, options) => client.responses.create({ model, input: 'Hello', ...options });
const responsesStream = (model, limit) => stream(responses(model, { stream: true }), limit);

for (const { name, stream: streams, asks_usage: asks, usage_apart: apart } of cases('POST', CHAT)) {
  if (!streams) {
    await call(name, () => chat(name));
    continue;
  }
  await call(name, () => chatStream(name, undefined, asks ? { stream_options: { include_usage: true } } : {}));
  if (apart) await call(`${name} without asking for usage`, () => chatStream(name));
}
for (const { name } of cases('POST', CHAT, true)) {
  await call(`${name}, whole`, () => client.chat.completions
    .stream({ model: name, messages, stream_options: { include_usage: true } }).finalChatCompletion());
}
for (const { name, stream: streams } of cases('POST', RESPONSES)) {
  await call(name, () => (streams ? responsesStream(name) : responses(name)));
}
for (const { name } of cases('POST', '/v1/embeddings')) {
  await call(name, () => client.embeddings.create({ model: name, input: 'Hello' }));
}
for (const { name } of cases('POST', '/v1/images/generations', false)) {
  await call(name, () => client.images.generate({ model: name, prompt: 'A bird' }));
}
for (const { name } of cases('POST', '/v1/audio/speech', false)) {
  const speech = { model: name, voice: 'ash', input: 'Hello' };
  await call(name, async () => (await client.audio.speech.create(speech)).arrayBuffer());
}
for (const { name } of cases('POST', '/v1/audio/transcriptions', false)) {
  await call(name, async () => client.audio.transcriptions.create({
    model: name, file: await toFile(Buffer.from('RIFF\0'), 'a.wav'),
  }));
}
for (const { name } of cases('GET', '/v1/models')) {
  await call(name, async () => (await client.models.list()).data);
}
for (const { name } of cases('GET', '/v1/files/file-1/content')) {
  await call(name, async () => (await client.files.content(name)).arrayBuffer());
}

for (const size of [1, 100_000, 3_000_000]) {
  const content = Buffer.from(Array.from({ length: size }, (_, i) => (i * i) % 251));
  await call(`upload of ${size} bytes`, async () => [
    await client.files.create({ file: await toFile(content, 'data.jsonl'), purpose: 'batch' }), sha256(content),
  ]);
}

for (const status of STATUSES) {
  await call(`chat, ${status}`, () => chat(`status-${status}`));
  await call(`chat stream, ${status}`, () => chatStream(`status-${status}`));
  await call(`responses, ${status}`, () => responses(`status-${status}`));
}

await call('chat stream, cut', () => chatStream(`${LONG_CHAT}.cut`));
await call('chat, cut', () => chat('replay.chat-json.cut'));
await call('chat stream, left', () => chatStream(`${LONG_CHAT}.slow`, 1));
await call('responses stream, cut', () => responsesStream(`${LONG_RESPONSE}.cut`));
await call('responses stream, left', () => responsesStream(`${LONG_RESPONSE}.slow`, 1));
await call('headers of an answer', async () => (await chat('replay.chat-json').asResponse()).headers);
