import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeltaStream, StateStream } from '../../sidecar/sds/discovery-stream.ts';
import { expiryMarginS } from '../../sidecar/sds/secrets.ts';
import {
  deltaRequest,
  FakeSecrets,
  readDeltaResponse,
  readStateResponse,
  stateRequest,
  type Told,
} from '../fakes/discovery.ts';

/** What happens to a stream, in any order. */
type Event =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'renew'; readonly name: string; readonly lifeS: number }
  | { readonly kind: 'lose' | 'forget'; readonly name: string }
  | { readonly kind: 'accept' | 'refuse' | 'reopen' }
  | { readonly kind: 'noise'; readonly bytes: Uint8Array };

const names = ['a', 'b'] as const;
const name = fc.constantFrom(...names);
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
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('lose', 'lose', 'forget'), name }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('accept') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('refuse', 'reopen') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('noise'),
      bytes: fc.uint8Array({ maxLength: 20 }),
    }),
  },
);

/** Envoy names one version for all it holds with state of the world: the one that ends first speaks for both. */
const examples: [Event[]][] = [
  [
    [
      { kind: 'renew', name: 'a', lifeS: 3 },
      { kind: 'accept' },
      { kind: 'renew', name: 'b', lifeS: 6 },
      { kind: 'lose', name: 'b' },
      { kind: 'wait', seconds: 3 },
    ],
  ],
  [
    [
      { kind: 'renew', name: 'a', lifeS: 3 },
      { kind: 'renew', name: 'b', lifeS: 6 },
      { kind: 'accept' },
      { kind: 'renew', name: 'b', lifeS: 3 },
      { kind: 'wait', seconds: 3 },
    ],
  ],
];

/** What Envoy did not accept under a name, on this stream and since it accepted a token there. */
interface Refused {
  token?: string;
  empty?: boolean;
}

/**
 * An Envoy that holds what it was told, on a stream of either kind, and a clock. When a token ends is known here from
 * when it was issued, not from a version. The law, after each event:
 * - an Envoy that owes no answer holds the newest token, or none that must go;
 * - a response replaces whatever must go when it is sent, so one that owes an answer holds at most what must go since.
 */
class World {
  readonly #secrets = new FakeSecrets();
  #nowS = 1_800_000_000;
  /** Unix seconds at which a value ends. */
  readonly #ends = new Map<string, number>();
  /** What Envoy sends under each name, and the version that it was told with it, which incremental alone has. */
  readonly #held = new Map<string, { readonly version: string; readonly value: string }>();
  readonly #refused = new Map<string, Refused>();
  #stream: StateStream | DeltaStream;
  #owed: Told | undefined;
  #accepted = '';
  readonly #isDelta: boolean;

  constructor(isDelta: boolean) {
    this.#isDelta = isDelta;
    this.#stream = this.#open();
  }

  happen(what: Event): void {
    if (what.kind === 'wait') this.#nowS += what.seconds;
    else if (what.kind === 'renew') this.#renew(what.name, what.lifeS);
    else if (what.kind === 'lose') this.#secrets.put(what.name, { kind: 'awaited' });
    else if (what.kind === 'forget') this.#secrets.put(what.name, { kind: 'unknown' });
    // Nothing begins with a tag of 7: what could be read might well say that nothing is wanted any more.
    else if (what.kind === 'noise') this.#stream.take(Buffer.from([7, ...what.bytes]));
    else if (what.kind === 'reopen') this.#stream = this.#open();
    else this.#answer(what.kind === 'refuse');
    this.#endTokens();
    this.#read();
    if (this.#owed === undefined) for (const key of names) this.#expectRight(key);
  }

  /** Accepts until there is nothing more to say: what is under way, and once more for all that came meanwhile. */
  settle(): void {
    for (let turn = 0; this.#owed !== undefined; turn += 1) {
      expect(turn, 'it comes to an end').toBeLessThan(2);
      this.happen({ kind: 'accept' });
    }
  }

  #renew(key: string, lifeS: number): void {
    const token = String(this.#ends.size);
    this.#secrets.hold(key, token, this.#nowS + lifeS);
    this.#ends.set(`Bearer ${token}`, this.#nowS + lifeS);
  }

  #isOver(value: string): boolean {
    return this.#nowS >= (this.#ends.get(value) ?? 0) - expiryMarginS;
  }

  /** As `secretsOf`: a token that is about to end is no longer held. */
  #endTokens(): void {
    for (const [key, state] of this.#secrets.states) {
      if (state.kind === 'held' && this.#isOver(state.value))
        this.#secrets.put(key, { kind: 'awaited' });
    }
  }

  #mustGo(key: string): boolean {
    const { value } = this.#held.get(key) ?? { value: '' };
    return value !== '' && (this.#secrets.find(key).kind === 'unknown' || this.#isOver(value));
  }

  #expectRight(key: string): void {
    const state = this.#secrets.find(key);
    const { token, empty } = this.#refused.get(key) ?? {};
    if (state.kind === 'held' && state.value !== token)
      expect(this.#held.get(key)?.value, 'the newest').toBe(state.value);
    else if (empty !== true) expect(this.#mustGo(key), `${key} must go`).toBe(false);
  }

  #open(): StateStream | DeltaStream {
    this.#owed = undefined;
    this.#refused.clear();
    const stream = this.#isDelta ? new DeltaStream() : new StateStream();
    const entries = [...this.#held].map(([key, { version }]) => [key, version] as const);
    const versions = Object.fromEntries(entries);
    stream.take(
      this.#isDelta
        ? deltaRequest({ subscribe: names, versions })
        : stateRequest({ names, version: this.#accepted }),
    );
    return stream;
  }

  #read(): void {
    const push = this.#stream.next(this.#secrets, this.#nowS);
    if (push === undefined) return;
    expect(this.#owed, 'one response at a time').toBeUndefined();
    this.#owed = this.#isDelta ? readDeltaResponse(push.message) : readStateResponse(push.message);
    const told = new Map(Object.entries(this.#owed.secrets));
    for (const [key, value] of told) {
      if (value !== '') expect(this.#isOver(value), 'it is sent while it is good').toBe(false);
      // With state of the world a new stream knows one version for all names, and takes back too early.
      else if (this.#isDelta) expect(this.#mustGo(key), 'nothing good is taken back').toBe(true);
    }
    for (const key of names) if (!told.has(key)) this.#expectRight(key);
  }

  #answer(isRefusal: boolean): void {
    const told = this.#owed;
    if (told === undefined) return;
    this.#owed = undefined;
    for (const [key, value] of Object.entries(told.secrets)) {
      const refused = this.#refused.get(key) ?? {};
      if (isRefusal)
        this.#refused.set(key, {
          ...refused,
          ...(value === '' ? { empty: true } : { token: value }),
        });
      else {
        this.#held.set(key, { value, version: told.versions[key] ?? '' });
        if (value !== '') this.#refused.delete(key);
      }
    }
    if (!isRefusal) this.#accepted = told.version;
    const { nonce } = told;
    const message = this.#isDelta
      ? deltaRequest({ nonce, isRefusal })
      : stateRequest({ names, nonce, isRefusal, version: this.#accepted });
    this.#stream.take(message);
  }
}

test.each([
  ['state of the world', false],
  ['incremental', true],
])(
  'whatever happens (%s), an Envoy that answered has the newest token, and none that has ended',
  (_name, isDelta) => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60, size: 'max' }), (events) => {
        const world = new World(isDelta);
        for (const one of events) world.happen(one);
        world.settle();
      }),
      { numRuns: 1_000, examples },
    );
  },
);
