/** The settings of the service: what is left out, and what would open a door that nobody meant. */
import { describe, expect, test } from 'vitest';
import { readServiceSettings } from '../../../../bans/service/service-settings.ts';

const callers = { allow: ['spiffe://prod.test/ns/shop/sa/accounts'], audiences: ['bans'] };
const minimal = { version: 1, store: { file: '/bans.jsonl' }, callers };
const keys = { url: 'https://id.example.org/certs' };
const provider = { issuer: 'https://id.example.org', audiences: ['shop'], keys };

function read(settings: object): unknown {
  return readServiceSettings(JSON.stringify(settings), 'bans.yaml');
}

test('what is left out has a default', () => {
  expect(read({ ...minimal, logout: [provider] })).toMatchObject({
    listen: [{ host: '::', port: 8_443, tls: 'spiffe' }],
    workloadApi: 'unix:///spiffe-workload-api/spire-agent.sock',
    logout: [{ banForSeconds: 86_400, claims: { sid: 'sid', sub: 'sub' } }],
    limits: { perCaller: 50, all: 500 },
    logLevel: 'info',
  });
});

const plain = { host: '10.0.0.1' };

describe('is refused', () => {
  test.each<[string, object]>([
    ['must say who may call', { ...minimal, callers: undefined }],
    [
      'must have the host 127.0.0.1 or ::1',
      { ...minimal, callers: undefined, listen: [plain], insecureNoAuthentication: true },
    ],
    ['is only for a service without callers', { ...minimal, insecureNoAuthentication: true }],
    [
      'tls: spiffe where callers have no audiences',
      { ...minimal, callers: { allow: callers.allow }, listen: [plain] },
    ],
    [
      'tls: spiffe where check.allow',
      { ...minimal, listen: [plain], check: { claims: ['sub'], allow: callers.allow } },
    ],
    ['cannot serve logout', { ...minimal, listen: [{ serves: ['bans', 'logout'] }] }],
    [
      'a listener that serves check',
      { ...minimal, check: { claims: ['a'] }, listen: [{ serves: ['bans'] }] },
    ],
    [
      'goes with a store in a file or in Redis',
      { ...minimal, check: { claims: ['sub'] }, store: { configMap: 'shop/svidecar-bans' } },
    ],
    ['allow', { ...minimal, callers: { allow: [] } }],
    ['matches no caller', { ...minimal, callers: { allow: ['*'] } }],
    ['Unrecognized key', { ...minimal, calers: {} }],
    ['algorithms', { ...minimal, logout: [{ ...provider, algorithms: ['HS256'] }] }],
    ['algorithms', { ...minimal, logout: [{ ...provider, algorithms: ['none'] }] }],
    ['https', { ...minimal, logout: [{ ...provider, keys: { url: 'http://id.example.org' } }] }],
    ['same issuer', { ...minimal, logout: [provider, provider] }],
    ['store', { ...minimal, store: { file: 'bans.jsonl' } }],
  ])('%s', (words, settings) => {
    expect(() => read(settings)).toThrow(words);
  });
});
