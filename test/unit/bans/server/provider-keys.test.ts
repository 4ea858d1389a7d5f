/** Keys of providers: what is fetched, what is not believed, and how often it is asked for. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errors } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { providerKeys } from '../../../../bans/server/provider-keys.ts';
import { KeysAway } from '../../../../bans/service/logout-token.ts';
import { logoutAlgorithms } from '../../../../bans/service/service-settings.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';
import { makeServingPair } from '../../../fakes/serving-pair.ts';
import { SilentLog } from '../../../fakes/silent-log.ts';
import { makeKey } from '../../../fakes/token-maker.ts';

const flattened = { payload: '', signature: '' };
const one = { alg: 'ES256', kid: 'one' };
const setOf = (...kids: readonly string[]) =>
  JSON.stringify({ keys: kids.map((kid) => makeKey(kid).jwk) });

let folder = '';
let server: Server;
let asked = 0;
let answer: RequestListener = () => undefined;
let url = '';
let log: SilentLog;
let timers: ManualTimers;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provider-keys-'));
  const { certificate, key } = await makeServingPair();
  writeFileSync(join(folder, 'ca.pem'), certificate);
  asked = 0;
  server = createServer({ cert: certificate, key }, (request, response) => {
    asked += 1;
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Listening on loopback on a free port: a number.
  url = `https://localhost:${(server.address() as AddressInfo).port}/certs`;
  log = new SilentLog();
  timers = new ManualTimers();
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

type Keys = Parameters<typeof providerKeys>[0]['keys'];
const keysOf = (keys: Keys) =>
  providerKeys(
    {
      issuer: 'https://id.example.org',
      audiences: ['shop'],
      keys,
      algorithms: [...logoutAlgorithms],
      claims: { sid: 'sid', sub: 'sub' },
      banForSeconds: 60,
    },
    { clock: timers, log },
  );
const remote = (ca = join(folder, 'ca.pem')) => keysOf({ url, ca });

describe('from a URL', () => {
  test('a key that a fresh key set has not is no key', async () => {
    answer = (_request, response) => response.end(setOf('one'));
    await expect(remote()({ ...one, kid: 'k' }, flattened)).rejects.toThrow(
      errors.JWKSNoMatchingKey,
    );
  });

  test('a provider without keys is one in trouble', async () => {
    answer = (_request, response) => response.end(setOf());
    await expect(remote()(one, flattened)).rejects.toThrow(KeysAway);
  });

  test('a key that is not there is not asked for again and again: until then nothing is said of it', async () => {
    answer = (_request, response) => response.end(setOf('one'));
    const keyFor = remote();
    for (let at = 0; at < 3; at += 1) await keyFor(one, flattened);
    for (let at = 0; at < 3; at += 1)
      await expect(keyFor({ ...one, kid: `k${at}` }, flattened)).rejects.toThrow(KeysAway);
    expect([asked, log.lines.length]).toEqual([1, 0]);
  });

  test.each<[string, RequestListener]>([
    ['a failure', (_request, response) => response.writeHead(500).end(setOf('one'))],
    [
      'a redirect',
      (_request, response) => response.writeHead(302, { location: 'https://localhost:1/' }).end(),
    ],
    ['a megabyte', (_request, response) => response.end(setOf('one') + ' '.repeat(1_048_576))],
    ['no key set', (_request, response) => response.end('{"keys":1}')],
    ['no JSON', (_request, response) => response.end('<html>')],
    [
      'half an answer',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{', () => response.destroy());
      },
    ],
  ])('%s is no key set, and says nothing about a token', async (_what, given) => {
    answer = given;
    await expect(remote()(one, flattened)).rejects.toThrow(KeysAway);
    expect(log.lines).toHaveLength(1);
  });

  test('are asked for over a connection of their own, which nobody ends just then', async () => {
    let connections = 0;
    server.on('secureConnection', () => (connections += 1));
    answer = (_request, response) => response.end(setOf('one'));
    for (let time = 0; time < 2; time += 1) await remote()(one, flattened);
    expect([asked, connections]).toEqual([2, 2]);
  });

  test('are not asked for again at once after a failure', async () => {
    answer = (_request, response) => response.writeHead(500).end();
    const keyFor = remote();
    for (let at = 0; at < 5; at += 1)
      await expect(keyFor(one, flattened)).rejects.toThrow(KeysAway);
    expect([asked, log.lines.length]).toEqual([1, 1]);
    timers.jump(2_001);
    answer = (_request, response) => response.end(setOf('one'));
    await keyFor(one, flattened);
    expect(asked).toBe(2);
  });

  test('come only from a server that the configured authorities vouch for', async () => {
    answer = (_request, response) => response.end(setOf('one'));
    const other = await makeServingPair({ name: 'other' });
    writeFileSync(join(folder, 'other.pem'), other.certificate);
    await expect(remote(join(folder, 'other.pem'))(one, flattened)).rejects.toThrow(KeysAway);
    expect(asked).toBe(0);
  });
});

describe('from a file', () => {
  test('are those that it holds now', async () => {
    const file = join(folder, 'keys.json');
    const keyFor = keysOf({ file });
    await expect(keyFor(one, flattened)).rejects.toThrow(KeysAway);
    writeFileSync(file, setOf('one'));
    await keyFor(one, flattened);
    writeFileSync(file, setOf('two'));
    timers.jump(2_001);
    await expect(keyFor(one, flattened)).rejects.toThrow(errors.JWKSNoMatchingKey);
    await keyFor({ ...one, kid: 'two' }, flattened);
    await expect(keyFor(one, flattened)).rejects.toThrow(KeysAway);
  });
});
