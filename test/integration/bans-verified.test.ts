/**
 * Bans by the claims that Envoy's `jwt_authn` has verified, on a real Envoy as the webhook writes it: what arrives of a
 * payload as a Struct, and what is made of it.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../sidecar/config/settings.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp } from './mesh/app.ts';
import { edgeAt, edgeYaml } from './mesh/edge-yaml.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { injectPod, type InjectedPod } from './mesh/injected-pod.ts';
import { runtimes } from './runtimes.ts';

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = { keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256' }] };

/** A token that the provider's key has signed, whatever its payload is. */
function signed(payload: string): string {
  const part = (text: string): string => Buffer.from(text).toString('base64url');
  const head = `${part('{"alg":"ES256","kid":"one"}')}.${part(payload)}`;
  const signature = sign('sha256', Buffer.from(head), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${head}.${signature.toString('base64url')}`;
}

const type = 'type.googleapis.com/envoy.extensions.filters';
const envoyYaml = edgeYaml(`                  - name: login
                    typed_config:
                      "@type": ${type}.http.jwt_authn.v3.JwtAuthentication
                      providers:
                        login:
                          from_headers: [{name: authorization, value_prefix: "Bearer "}]
                          payload_in_metadata: login_payload
                          local_jwks: {inline_string: '${JSON.stringify(jwks)}'}
                      rules:
                        - match: {prefix: /}
                          requires: {requires_any: {requirements: [{provider_name: login}, {allow_missing: {}}]}}
`);

const list = [
  { claim: 'email', value: 'jo@example.org' },
  { claim: 'email', value: 'al@example.org', issuedBefore: '1970-01-01T01:00:00Z' },
  { claim: '/realm/user', value: '42' },
  { claim: '/realm/user', value: '9007199254740992' },
  { claim: '/realm/user', value: 'a:b\n\u0000c' },
];

function injectEdge(): InjectedPod {
  const pod = injectPod({
    name: 'edge',
    annotations: {
      'inject.svidecar.dev/templates': 'jwt-ban',
      'svidecar.dev/ban-claims': 'email, /realm/user',
      'svidecar.dev/ban-token': 'metadata:login_payload',
    },
    files: { 'envoy.yaml': envoyYaml },
  });
  if (typeof pod === 'string') throw new Error(pod);
  return pod;
}

describeWithComponents(['envoy'], 'bans by verified claims', () => {
  let work: WorkFolder;
  let app: Server;
  const pod = injectEdge();
  beforeAll(async () => {
    work = await createWorkFolder('bans-verified');
    app = await startApp();
  });
  afterAll(async () => {
    app.close();
    await work.remove();
  });

  for (const runtime of runtimes) {
    describeWithComponents([], `on ${runtime}`, () => {
      let helper: HelperProcess;
      let envoy: RunningEnvoy;
      let port = 0;
      const statusOf = async (payload: string): Promise<number> =>
        (await send(port, ['authorization', `Bearer ${signed(payload)}`])).status;
      const counted = (outcome: string): Promise<number> =>
        helper.metric(`svidecar_checks_total{rule="jwt-ban",outcome="${outcome}"}`);

      beforeAll(async () => {
        const file = join(work.path, `${runtime}.jsonl`);
        writeFileSync(`${file}.new`, list.map((ban) => JSON.stringify(ban)).join('\n'));
        renameSync(`${file}.new`, file);
        const { rules } = readSettings(pod.settings, 'helper.yaml');
        helper = await startHelper({
          name: `verified-${runtime}`,
          runtime,
          folder: work.path,
          rules: rules.map((rule) => (rule.mode === 'ban' ? { ...rule, store: { file } } : rule)),
        });
        port = await freePort();
        // Listening on loopback on a free port: a number.
        const appPort = (app.address() as AddressInfo).port;
        const ports = { listen: port, app: appPort, helper: helper.port };
        const config = edgeAt(pod.files['envoy.yaml'] ?? '', ports);
        envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
        await waitUntil('bans are in force', async () => {
          const status = await statusOf('{"email":"jo@example.org"}');
          return status === 403;
        });
      });
      afterAll(async () => {
        await Promise.all([helper.stop(0), envoy.stop()]);
      });

      test('nothing is warned about, and a request without a token passes', async () => {
        expect(pod.warnings).toEqual([]);
        const before = await counted('no_token');
        expect((await send(port)).status).toBe(200);
        expect(await counted('no_token')).toBe(before + 1);
      });

      test('a token that jwt_authn refuses never gets as far as the ban', async () => {
        const forged = `${signed('{"email":"jo@example.org"}').slice(0, -4)}AAAA`;
        expect((await send(port, ['authorization', `Bearer ${forged}`])).status).toBe(401);
      });

      test.each([
        ['{"email":"Jo@Example.org"}', 403],
        ['{"email":"al@example.org","iat":3599}', 403],
        ['{"email":"al@example.org","iat":3600}', 200],
        ['{"email":"al@example.org"}', 200],
        ['{"email":"jo@example.org "}', 200],
        ['{"email":"jo@example.org\\u0000"}', 200],
        ['{"email":["jo@example.org"]}', 200],
        ['{"realm":{"user":42}}', 403],
        ['{"realm":{"user":"42"}}', 403],
        ['{"realm":{"user":42.0}}', 403],
        ['{"realm":{"user":4.2e1}}', 403],
        ['{"realm":{"user":"42.0"}}', 200],
        // A Struct's numbers are doubles: this one, and its neighbour, arrive as the same.
        ['{"realm":{"user":9007199254740993}}', 200],
        ['{"realm":{"user":9007199254740992}}', 200],
        ['{"realm":{"user":"9007199254740992"}}', 403],
        ['{"realm":{"user":"a:b\\n\\u0000c"}}', 403],
        ['{"realm":{"user":"a:b\\n"}}', 200],
      ])('%s → %i', async (payload, expected) => {
        expect(await statusOf(payload)).toBe(expected);
      });

      test('an Envoy with its usual limit takes no headers that would make a check too large', async () => {
        const banned = ['authorization', `Bearer ${signed('{"email":"jo@example.org"}')}`];
        const withCookies = async (bytes: number): Promise<number> =>
          (await send(port, [...banned, 'cookie', 'c'.repeat(bytes)])).status;
        expect(await withCookies(59_000)).toBe(403);
        expect(await withCookies(62_000)).toBe(431);
      });

      test('what Envoy itself refuses: a claim that is named twice, and what is nested too deep', async () => {
        for (const twice of ['{"email":"al","email":"jo"}', '{"realm":{"user":1,"user":42}}'])
          expect(await statusOf(twice)).toBe(401);
        const deep = (depth: number): string =>
          `{"email":"jo@example.org","a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
        expect(await statusOf(deep(90))).toBe(403);
        expect(await statusOf(deep(4_000))).toBe(401);
        expect(await helper.metric('svidecar_faults_total')).toBe(0);
      });
    });
  }
});
