import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDeltaRequest, readStateRequest } from '../../sidecar/sds/read-request.ts';
import { deltaResponse, stateResponse } from '../../sidecar/sds/write-response.ts';
import { ByteBudget } from '../../sidecar/server/byte-budget.ts';
import { FrameReader } from '../../sidecar/server/frame-reader.ts';
import { frameMessage } from '../../sidecar/server/grpc-wire.ts';
import {
  deltaRequest,
  readDeltaResponse,
  readStateResponse,
  stateRequest,
} from '../fakes/discovery.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const names = fc.array(text, { maxLength: 6 });
const parts = fc.record({
  names,
  version: text,
  nonce: text,
  isRefusal: fc.boolean(),
  subscribe: names,
  unsubscribe: names,
  versions: fc.dictionary(text, text, { maxKeys: 4 }),
});
const readers = [
  [readStateRequest, stateRequest],
  [readDeltaRequest, deltaRequest],
] as const;

describe('the reader of discovery requests', () => {
  test('reads what the generated encoder wrote', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const { nonce, isRefusal } = given;
        expect(readStateRequest(stateRequest(given))).toMatchObject({
          names: given.names,
          version: given.version,
          nonce,
          isRefusal,
        });
        const delta = readDeltaRequest(deltaRequest(given));
        expect(delta).toMatchObject({
          subscribe: given.subscribe,
          unsubscribe: given.unsubscribe,
          nonce,
          isRefusal,
        });
        expect(Object.fromEntries(delta?.versions ?? [])).toEqual({ ...given.versions });
      }),
    );
  });

  test('never throws and reads nothing from a message that was cut in a field', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(255), (given, at, byte) => {
        for (const [read, write] of readers) {
          const bytes = write(given);
          // The type is the last long field: a cut within it leaves no whole message.
          const end = bytes.lastIndexOf('Secret') + 3;
          expect(read(bytes.subarray(0, end))).toBeUndefined();
          bytes[at % bytes.length] = byte;
          read(bytes);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        for (const [read] of readers) read(Buffer.from(noise));
      }),
      { numRuns: 2_000 },
    );
  });
});

test('what is written, the generated decoder reads', () => {
  const resource = fc.record({ name: text, version: text, value: text });
  fc.assert(
    fc.property(
      fc.uniqueArray(resource, { selector: ({ name }) => name }),
      text,
      (given, nonce) => {
        const secrets = Object.fromEntries(given.map(({ name, value }) => [name, value]));
        const head = { version: 'v', nonce };
        expect(readStateResponse(stateResponse(head, given))).toMatchObject({ ...head, secrets });
        const versions = Object.fromEntries(given.map(({ name, version }) => [name, version]));
        const delta = readDeltaResponse(deltaResponse(head, given));
        expect(delta).toMatchObject({ ...head, secrets, versions });
      },
    ),
  );
});

describe('the reader of frames', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
  test('gives the same messages however they are cut', () => {
    fc.assert(
      fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (given, sizes) => {
        const bytes = Buffer.concat(given.map((one) => frameMessage(Buffer.from(one))));
        const budget = new ByteBudget(1_000);
        const reader = new FrameReader(40, budget);
        const got: Buffer[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = Number(sizes.next().value);
          reader.add(bytes.subarray(at, at + size));
          at += size;
          for (let next = reader.next(); next.kind === 'message'; next = reader.next())
            got.push(next.message);
        }
        expect(got.map((one) => [...one])).toEqual(given.map((one) => [...one]));
        expect(reader.hasRest).toBe(false);
        expect(budget.used).toBe(0);
      }),
    );
  });

  test('never throws, and waits for no more than a message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const budget = new ByteBudget(1_000);
        const reader = new FrameReader(100, budget);
        for (const chunk of chunks) {
          reader.add(Buffer.from(chunk));
          let next = reader.next();
          while (next.kind === 'message') next = reader.next();
          if (next.kind === 'fault') return;
          expect(budget.used).toBeLessThanOrEqual(256);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
