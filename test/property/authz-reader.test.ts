import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCheck } from '../../sidecar/authz/read-check.ts';
import { CheckRequest } from '../gen/envoy/service/auth/v3/external_auth.ts';
import { checkRequest } from '../fakes/envoy-check.ts';

const text = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });
const name = fc.oneof(fc.constantFrom('authorization', 'AUTHORIZATION', 'host'), text);
const extension = fc.oneof(fc.constantFrom('svidecar-audience', 'svidecar-skip', 'other'), text);
const parts = fc.record({
  path: text,
  host: text,
  headers: fc.dictionary(name, text, { maxKeys: 8 }),
  extensions: fc.dictionary(extension, text, { maxKeys: 4 }),
});

/** The same view by generated code, which shares nothing with the walker. */
function oracle(bytes: Buffer) {
  const { attributes } = CheckRequest.decode(bytes);
  const http = attributes?.request?.http;
  const headers = Object.entries({ ...http?.headers });
  const values = headers.filter(([key]) => key.toLowerCase() === 'authorization');
  const route = Object.entries({ ...attributes?.contextExtensions });
  return {
    hasHttp: http !== undefined,
    authorizations: values.length,
    path: http?.path ?? '',
    host: http?.host ?? '',
    route: route.filter(([key]) => key.startsWith('svidecar-')).sort(),
    values: values.map(([, value]) => value),
  };
}

describe('the reader of checks', () => {
  test('reads what the generated decoder reads', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const bytes = checkRequest(given);
        const view = readCheck(bytes);
        const { values, ...expected } = oracle(bytes);
        const { authorization, route, ...rest } = view ?? { authorization: '', route: [] };
        expect({ ...rest, route: [...route].sort() }).toMatchObject(expected);
        expect(authorization.split(',').sort()).toEqual(values.join().split(',').sort());
      }),
      { numRuns: 500 },
    );
  });

  test('keeps every duplicate and every byte of raw headers', () => {
    const raw = fc.array(
      fc.tuple(
        fc.constantFrom('authorization', 'x', 'Authorization'),
        fc.string({
          unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        }),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(raw, (rawHeaders) => {
        const own = rawHeaders.filter(([key]) => key.toLowerCase() === 'authorization');
        const view = readCheck(checkRequest({ rawHeaders }));
        expect(view?.authorizations).toBe(own.length);
        expect(view?.authorization).toBe(own.map(([, value]) => value).join());
      }),
    );
  });

  test('never throws, never reads past the end, and reads nothing from a message that was cut', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(255), (given, at, byte) => {
        const bytes = checkRequest(given);
        const cut = readCheck(bytes.subarray(0, at % bytes.length));
        expect(cut === undefined || !cut.hasHttp).toBe(true);
        bytes[at % bytes.length] = byte;
        readCheck(bytes);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void readCheck(Buffer.from(noise))),
      {
        numRuns: 2_000,
      },
    );
  });

  test('in a damaged message no Authorization header is overlooked', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(255), (given, at, byte) => {
        const bytes = checkRequest(given);
        bytes[at % bytes.length] = byte;
        const view = readCheck(bytes);
        if (view === undefined) return;
        let read;
        try {
          read = oracle(bytes);
        } catch {
          // The decoder also looks into fields that the reader steps over.
          return;
        }
        // The decoder replaces a repeated message where protobuf says to merge: the reader may see more, never less.
        expect(view.hasHttp || !read.hasHttp).toBe(true);
        expect(view.authorizations).toBeGreaterThanOrEqual(read.authorizations);
      }),
      { numRuns: 2_000 },
    );
  });
});
