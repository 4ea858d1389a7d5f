import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeltaStream, StateStream } from '../../sidecar/sds/discovery-stream.ts';
import { readDeltaRequest, readStateRequest } from '../../sidecar/sds/read-request.ts';
import { expiryMarginS } from '../../sidecar/sds/secrets.ts';
import { expiryOf } from '../../sidecar/sds/version.ts';
import { deltaResponse, stateResponse } from '../../sidecar/sds/write-response.ts';
import { frameMessage, FrameReader } from '../../sidecar/server/grpc-wire.ts';
import {
  deltaRequest,
  FakeSecrets,
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
        const reader = new FrameReader(40);
        const got: Buffer[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = Number(sizes.next().value);
          reader.add(bytes.subarray(at, at + size));
          at += size;
          for (let next = reader.next(); next.kind === 'message'; next = reader.next())
            got.push(next.message);
        }
        expect(got.map((one) => [...one])).toEqual(given.map((one) => [...one]));
        expect(reader.waitingBytes).toBe(0);
      }),
    );
  });

  test('never throws, and waits for no more than a message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const reader = new FrameReader(100);
        for (const chunk of chunks) {
          reader.add(Buffer.from(chunk));
          let next = reader.next();
          while (next.kind === 'message') next = reader.next();
          if (next.kind === 'fault') return;
          expect(reader.waitingBytes).toBeLessThan(105);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

/** What happens to a stream, in any order. */
type Event =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'renew'; readonly name: string; readonly lifeS: number }
  | { readonly kind: 'lose' | 'forget'; readonly name: string }
  | { readonly kind: 'accept' | 'refuse' | 'reopen' }
  | { readonly kind: 'noise'; readonly bytes: Uint8Array };

const name = fc.constantFrom('a', 'b');
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), seconds: fc.nat(8) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('renew'),
      name,
      lifeS: fc.integer({ min: 3, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('lose', 'forget'), name }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('accept') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('refuse', 'reopen') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('noise'),
      bytes: fc.uint8Array({ maxLength: 20 }),
    }),
  },
);

/** An Envoy that holds what it was told, on a stream of either kind, and a clock. */
class World {
  readonly secrets = new FakeSecrets();
  nowS = 1_800_000_000;
  /** What Envoy sends: the version under each name, and whether it is empty. */
  readonly held = new Map<string, { readonly version: string; readonly value: string }>();
  /** Names under which Envoy once refused: what it holds there may be out of our hands. */
  readonly refused = new Set<string>();
  #stream: StateStream | DeltaStream;
  #owed: ReturnType<typeof readDeltaResponse> | undefined;
  #accepted = '';
  readonly #isDelta: boolean;
  #serial = 0;

  constructor(isDelta: boolean) {
    this.#isDelta = isDelta;
    this.#stream = this.#open();
  }

  happen(what: Event): void {
    if (what.kind === 'wait') this.nowS += what.seconds;
    else if (what.kind === 'renew') {
      const token = String((this.#serial += 1));
      this.secrets.hold(what.name, token, this.nowS + what.lifeS);
    } else if (what.kind === 'lose') this.secrets.put(what.name, { kind: 'awaited' });
    else if (what.kind === 'forget') this.secrets.put(what.name, { kind: 'unknown' });
    // Nothing begins with a tag of 7: what could be read might well say that nothing is wanted any more.
    else if (what.kind === 'noise') this.#stream.take(Buffer.from([7, ...what.bytes]));
    else if (what.kind === 'reopen') this.#stream = this.#open();
    else this.#answer(what.kind === 'refuse');
    this.#endTokens();
    this.#read();
  }

  /** Accepts until there is nothing more to say. */
  settle(): void {
    for (let turn = 0; this.#owed !== undefined; turn += 1) {
      expect(turn, 'it comes to an end').toBeLessThan(10);
      this.happen({ kind: 'accept' });
    }
  }

  /** As `secretsOf`: a token that is about to end is no longer held. */
  #endTokens(): void {
    for (const [key, state] of this.secrets.states) {
      if (state.kind === 'held' && this.nowS >= expiryOf(state.version) - expiryMarginS)
        this.secrets.put(key, { kind: 'awaited' });
    }
  }

  #open(): StateStream | DeltaStream {
    this.#owed = undefined;
    const stream = this.#isDelta ? new DeltaStream() : new StateStream();
    const versions = Object.fromEntries([...this.held].map(([key, { version }]) => [key, version]));
    const wanted = ['a', 'b'];
    stream.take(
      this.#isDelta
        ? deltaRequest({ subscribe: wanted, versions })
        : stateRequest({ names: wanted, version: this.#accepted }),
    );
    return stream;
  }

  #read(): void {
    const push = this.#stream.next(this.secrets, this.nowS);
    if (push === undefined) return;
    expect(this.#owed, 'one response at a time').toBeUndefined();
    this.#owed = this.#isDelta ? readDeltaResponse(push.message) : readStateResponse(push.message);
    for (const { version, value } of push.resources)
      expect(value === '' || expiryOf(version) - expiryMarginS > this.nowS).toBe(true);
  }

  #answer(isRefusal: boolean): void {
    const told = this.#owed;
    if (told === undefined) return;
    this.#owed = undefined;
    for (const [key, value] of Object.entries(told.secrets)) {
      if (isRefusal) this.refused.add(key);
      else this.held.set(key, { value, version: told.versions[key] ?? told.version });
    }
    if (!isRefusal) this.#accepted = told.version;
    const { nonce } = told;
    const rest = this.#isDelta ? {} : { version: this.#accepted };
    const message = this.#isDelta
      ? deltaRequest({ nonce, isRefusal })
      : stateRequest({ names: ['a', 'b'], nonce, isRefusal, ...rest });
    this.#stream.take(message);
  }
}

test.each([
  ['state of the world', false],
  ['incremental', true],
])(
  'whatever happens (%s), Envoy ends with the newest token, and never keeps one that has ended',
  (_name, isDelta) => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const world = new World(isDelta);
        for (const one of events) world.happen(one);
        world.settle();
        for (const key of ['a', 'b']) {
          if (world.refused.has(key)) continue;
          const state = world.secrets.find(key);
          const held = world.held.get(key);
          if (state.kind === 'held') expect(held?.value).toBe(state.value);
          else if (held !== undefined && held.value !== '')
            expect(Number(held.value === '') || expiryOf(held.version)).toBeGreaterThan(world.nowS);
        }
      }),
      { numRuns: 400 },
    );
  },
);
