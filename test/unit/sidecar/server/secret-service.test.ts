import { expect, test } from 'vitest';
import { SecretService } from '../../../../sidecar/server/secret-service.ts';
import { metricsText } from '../../../../sidecar/kernel/metrics-text.ts';
import type { StreamCallListener } from '../../../../sidecar/server/stream-call.ts';
import {
  FakeSecrets,
  readStateResponse,
  stateRequest,
  type Told,
} from '../../../fakes/discovery.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';

const path = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

function setUp() {
  const timers = new ManualTimers();
  const secrets = new FakeSecrets();
  const unknown: string[] = [];
  const refusals: (readonly string[])[] = [];
  const service = new SecretService(secrets, {
    timers,
    onUnknown: (name) => unknown.push(name),
    onRefusal: (names) => refusals.push(names),
  });
  const nowS = timers.now() / 1_000;
  const open = () => {
    const told: Told[] = [];
    const ends: number[] = [];
    const listener = service.methods.get(path)?.({
      send: (message) => told.push(readStateResponse(message)),
      end: (code) => ends.push(code),
    });
    if (listener === undefined) throw new TypeError(`there is no ${path}`);
    return { told, ends, listener, last: () => told.at(-1)?.secrets };
  };
  const accept = (listener: StreamCallListener, told: readonly Told[]): void => {
    const { nonce = '', version = '' } = told.at(-1) ?? {};
    listener.onMessage(stateRequest({ names: ['a'], nonce, version }));
  };
  /** A client that has a token which ends in 100 s, and has said so. */
  const openHolding = (): ReturnType<typeof open> => {
    secrets.hold('a', 'one', nowS + 100);
    const client = open();
    client.listener.onMessage(stateRequest({ names: ['a'] }));
    accept(client.listener, client.told);
    return client;
  };
  return { timers, secrets, unknown, refusals, service, nowS, open, accept, openHolding };
}

test('every stream is told at once when a token is renewed', () => {
  const { secrets, open, accept, nowS } = setUp();
  secrets.hold('a', 'one', nowS + 100);
  const clients = [open(), open()];
  for (const { listener, told } of clients) {
    listener.onMessage(stateRequest({ names: ['a'] }));
    accept(listener, told);
  }
  secrets.hold('a', 'two', nowS + 200);
  for (const { told } of clients)
    expect(told.map((one) => one.secrets['a'])).toEqual(['Bearer one', 'Bearer two']);
});

test('a token that ends without a successor is taken back by itself, and by no earlier timer', async () => {
  const { timers, secrets, openHolding } = setUp();
  const { last } = openHolding();
  secrets.states.set('a', { kind: 'awaited' });
  await timers.advance(97_900);
  expect(last()).toEqual({ a: 'Bearer one' });
  await timers.advance(100);
  expect(last()).toEqual({ a: '' });
  expect(timers.pending, 'nothing is left to wait for').toBe(0);
});

test('a timer that fires early, with the token ending meanwhile, is set again', async () => {
  const { timers, secrets, openHolding } = setUp();
  const { last } = openHolding();
  secrets.states.set('a', { kind: 'awaited' });
  // The clock goes on by a tenth of a millisecond each time it is looked at, from just before the end.
  let looks = 0;
  const read = timers.now.bind(timers);
  timers.now = (): number => read() - 0.05 + 0.1 * looks++;
  await timers.advance(98_001);
  expect(last()).toEqual({ a: '' });
});

test('where the clock was set forward, the next look takes back what has ended', () => {
  const { timers, secrets, service, openHolding } = setUp();
  const { last } = openHolding();
  secrets.states.set('a', { kind: 'awaited' });
  timers.jump(200_000);
  expect(last()).toEqual({ a: 'Bearer one' });
  service.tell();
  expect(last()).toEqual({ a: '' });
});

test('while an answer is owed, time does not run in circles', async () => {
  const { timers, secrets, open, accept, nowS } = setUp();
  secrets.hold('a', 'one', nowS + 100);
  const { listener, told, last } = open();
  listener.onMessage(stateRequest({ names: ['a'] }));
  secrets.states.set('a', { kind: 'awaited' });
  await timers.advance(200_000);
  expect([last(), timers.pending]).toEqual([{ a: 'Bearer one' }, 0]);
  accept(listener, told);
  expect(last()).toEqual({ a: '' });
});

test('other secrets are served from a reload on, and the old ones are no longer watched', () => {
  const { secrets, service, openHolding } = setUp();
  const { last } = openHolding();
  const next = new FakeSecrets();
  service.serve(next);
  expect(last()).toEqual({ a: '' });
  expect([secrets.listening, next.listening]).toEqual([0, 1]);
  service.close();
  expect(next.listening).toBe(0);
});

test('unknown names, refusals and faults are told of; a stream that is gone is forgotten', () => {
  const { secrets, unknown, refusals, service, open, nowS } = setUp();
  secrets.hold('a', 'one', nowS + 100);
  const { listener, told, ends } = open();
  listener.onMessage(stateRequest({ names: ['a', 'other'] }));
  listener.onMessage(stateRequest({ names: ['a'], nonce: told[0]?.nonce ?? '', isRefusal: true }));
  listener.onMessage(Buffer.from([0xff]));
  expect({ unknown, refusals, ends }).toEqual({
    unknown: ['other'],
    refusals: [['a']],
    ends: [3],
  });
  const before = metricsText(service.families());
  expect(before).toContain('svidecar_sds_pushes_total{value="token"} 1\n');
  expect(before).toContain('svidecar_sds_refusals_total 1\n');
  expect(before).toContain('svidecar_sds_streams 1\n');
  listener.onClose();
  secrets.hold('a', 'two', nowS + 200);
  expect(told).toHaveLength(1);
  expect(metricsText(service.families())).toContain('svidecar_sds_streams 0\n');
});
