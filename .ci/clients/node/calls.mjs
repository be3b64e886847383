// What the programs of this folder share: they make calls, each of one request, and print what a caller gets of each.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const BASE = process.argv[2];
const CASES = JSON.parse(readFileSync(process.argv[3], 'utf8'));

export const STATUSES = [400, 401, 403, 404, 409, 422, 429, 500, 502, 503];

// The cases of an endpoint.
export function cases(method, path, stream) {
  return CASES.filter((c) => c.method === method && c.target.split('?')[0] === path
    && (stream === undefined || c.stream === stream));
}

// Makes a call. What run resolves to, or what it throws, is printed as one line.
export async function call(name, run) {
  let result;
  try {
    result = plain(await run());
  } catch (error) {
    result = { raised: raised(error) };
  }
  process.stdout.write(`${JSON.stringify({ name, result: result ?? null })}\n`);
}

// Everything that comes out of a stream, and the error with which it ends, if it does.
export async function stream(opening, limit) {
  const events = [];
  const source = await opening;
  try {
    for await (const event of source) {
      events.push(plain(event));
      if (events.length === limit) break;
    }
  } catch (error) {
    return { events, raised: raised(error) };
  }
  return { events };
}

// Of bytes, the digest; headers as an object.
function plain(value) {
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (value instanceof Uint8Array) {
    return { bytes: value.length, sha256: sha256(value) };
  }
  return value instanceof Headers ? Object.fromEntries(value) : value;
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

// An error as a caller can tell it: classes, status, body, text, and what caused it.
function raised(error) {
  const classes = [];
  for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) classes.push(kind.name);
  return {
    class: classes,
    text: String(error.message).replaceAll(BASE, 'BASE'),
    status: error.status,
    body: error.error,
    code: error.code,
    type: error.type,
    requestID: error.requestID ?? error.request_id,
    headers: error.headers && plain(new Headers(error.headers)),
    cause: error.cause && `${error.cause.name} ${error.cause.message}`.replaceAll(BASE, 'BASE'),
  };
}
