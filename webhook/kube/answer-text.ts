/** What others answer by HTTP, within bounds. */
import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { AnswerTooLarge } from './kubernetes-api.ts';

/** @throws {AnswerTooLarge} and ends the connection */
export async function boundedText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const part = asBuffer(chunk);
    bytes += part.length;
    if (bytes > maxBytes) throw new AnswerTooLarge(`a response exceeds ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Undefined when it is not a JSON object. */
export function tryParse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // Not every answer is from the API server; the caller names the status.
    return undefined;
  }
}

/** A stream without encoding gives Buffers; its type says any. */
export function asBuffer(chunk: unknown): Buffer {
  if (!Buffer.isBuffer(chunk)) throw new TypeError('expected bytes');
  return chunk;
}
