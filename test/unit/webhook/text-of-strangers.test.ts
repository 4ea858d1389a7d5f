/** What strangers name is told in many places, and does nothing in any of them but show. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { printable } from '#kernel/text.ts';
import { HelperLog } from '../../../sidecar/helper/helper-log.ts';
import { review } from '../../../webhook/admission/review.ts';
import { standingOf } from '../../../webhook/request/namespace-standing.ts';
import { desiredEvents } from '../../../webhook/desired/events.ts';
import { createLog } from '../../../webhook/server/log.ts';
import { engineFor } from '../../fakes/engine.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';

const hostile: readonly (readonly [string, string])[] = [
  ['an escape sequence', '\u001b[2J'],
  ['a colour', '\u001b[8m'],
  ['a backspace', '\b'],
  ['a carriage return', '\r'],
  ['a line feed', '\n'],
  ['DEL', '\u007f'],
  ['C1: next line', '\u0085'],
  ['C1: CSI', '\u009b31m'],
  ['bidi: override', '\u202e'],
  ['bidi: isolate', '\u2066'],
  ['bidi: mark', '\u200f'],
  ['no width', '\u200b'],
  ['a joiner', '\u2060'],
  ['a soft hyphen', '\u00ad'],
  ['a byte order mark', '\ufeff'],
  ['a line separator', '\u2028'],
  ['a tag', '\u{e0041}'],
  ['half a character', '\ud800'],
];

/** What must not leave us: everything that acts without being seen, but line feeds, tabs and our own colours. */
const acting = /(?![\n\t])[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/u;
const colours = /\u001b\[(?:1|2|22|3[0-79])m/g;

function expectHarmless(text: string): void {
  expect(acting.exec(text.replaceAll(colours, ''))).toBeNull();
  // After a line feed of a stranger's, a line of its own would begin.
  expect(text).not.toMatch(/^forged/m);
}

const places = [
  'name',
  'namespace',
  'kind',
  'annotation',
  'key',
  'template',
  'label',
  'container',
  'image',
  'volume',
  'file',
  'listener',
  'cluster',
  'filter',
] as const;
type Named = { readonly [place in (typeof places)[number]]?: string };

function envoyText({ listener = 'web', cluster = 'app', filter = 'odd' }: Named): string {
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const http_filters = [
    { name: filter, typed_config: { '@type': `${type}.http.odd.v3.${filter}` } },
    { name: 'router', typed_config: { '@type': `${type}.http.router.v3.Router` } },
  ];
  const routes = [{ match: { prefix: '/' }, route: { cluster } }];
  const typed_config = {
    '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes }] },
    http_filters,
  };
  const filter_chains = [{ filters: [{ name: 'hcm', typed_config }] }];
  const listeners = [{ name: listener, filter_chains }];
  return JSON.stringify({ static_resources: { listeners, clusters: [{ name: cluster }] } });
}

const usual = {
  name: 'web',
  namespace: 'shop',
  kind: 'Deployment',
  annotation: '/healthz',
  key: 'image',
  template: 'jwt-inject,jwt-validate',
  label: 'x',
  container: 'envoy',
  image: 'envoyproxy/envoy:v1.40.0',
  volume: 'conf',
  file: 'envoy.yaml',
  listener: 'web',
};

/** A workload and its ConfigMap, with one name of a stranger's. */
function objectsOf(named: Named): readonly [JsonObject, JsonObject] {
  const { name, namespace, kind, file, volume, container, image, ...keys } = { ...usual, ...named };
  const envoy = {
    name: container,
    image,
    args: ['-c', `/etc/envoy/${file}`],
    volumeMounts: [{ name: volume, mountPath: '/etc/envoy' }],
  };
  const annotations = {
    'inject.svidecar.dev/templates': keys.template,
    'svidecar.dev/audience': 'ledger',
    'svidecar.dev/inject-listeners': keys.listener,
    'svidecar.dev/validate-listeners': '*',
    'svidecar.dev/skip-paths': keys.annotation,
    [`svidecar.dev/${keys.key}`]: 'x',
  };
  const workload = {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace, annotations: { [`svidecar.dev/${keys.key}`]: 'x' } },
    spec: {
      template: {
        metadata: { labels: { [`svidecar.dev/${keys.label}`]: 'x' }, annotations },
        spec: { containers: [envoy], volumes: [{ name: volume, configMap: { name: 'conf' } }] },
      },
    },
  };
  const metadata = { name: 'conf', namespace };
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { [file]: envoyText(named) },
  };
  return [workload, configMap];
}

const folder = mkdtempSync(join(tmpdir(), 'svidecar-strangers-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function streamOf(named: Named): string {
  return objectsOf(named)
    .map((each) => JSON.stringify(each))
    .join('\n---\n');
}

const commands = ['explain', 'inject', 'uninject', 'diff', 'check', 'render entries'];

/** All of them at once: each is looked for in what comes out. */
const all = `a${hostile.map(([, character]) => character).join('x')}forged`;
const fileText = all.toWellFormed();

describe.each(places)('in the %s', (place) => {
  const file = join(folder, `${place}.yaml`);
  writeFileSync(file, streamOf({ [place]: fileText }));

  test.each(commands)('what people see of %s', async (command) => {
    const seen = await runSvidecar([...command.split(' '), file], { isTerminal: true });
    expectHarmless(`${seen.out}${seen.err}`);
  });

  test.each(['explain', 'inject', 'check'])('JSON of %s, for programs', async (command) => {
    const { out, err } = await runSvidecar([command, '-o', 'json', file]);
    expectHarmless(`${out}${err}`);
    const value: unknown = JSON.parse(out);
    if (place === 'name' && command === 'explain')
      expect(value).toMatchObject([{ name: fileText }]);
  });

  test('what admission answers', () => {
    const [object] = objectsOf({ [place]: all });
    const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
    const request = { uid: 'u', namespace: 'shop', operation: 'CREATE', object, kind };
    const { body } = review(
      { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request },
      {
        engine: engineFor(),
        checkEnvoy: () => undefined,
        configMapKeys: () => undefined,
        heldConfigMap: () => undefined,
        ignoredNamespaces: new Set(),
      },
    );
    for (const one of textsIn(withoutPatch(body))) expectHarmless(one);
  });
});

describe.each(hostile)('%s', (_what, character) => {
  const text = `a${character}forged`;

  test('in a message', () => {
    expectHarmless(printable(text));
    expect(printable(text)).not.toContain(character);
    expect(JSON.parse(`"${printable(text)}"`)).toBe(text);
  });

  test('in an Event', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' };
    const user = { kind: 'Deployment', namespace: 'shop', name: text, status: '{}', owner };
    const problems = [{ reason: 'StatusInvalid', message: text, users: [user] } as const];
    const injected = [{ workload: owner, isNews: true, summary: text }];
    const standing = standingOf('shop', 'enabled', new Set());
    const facts = { namespace: 'shop', injection: 'enabled', standing, askers: [] };
    const registrations = [
      { reason: 'RegistrationAwaited', message: text, workloads: [owner] },
    ] as const;
    const events = desiredEvents({ ...facts, injected, problems, registrations });
    expect(events).toHaveLength(3);
    for (const { note } of events) expectHarmless(note);
  });

  test('in the logs of webhook and helper, whose lines stay JSON', () => {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    createLog('info', { write }).warn({ namespace: text, [text]: text }, text);
    new HelperLog(write, Date.now).warn({ file: text, [text]: text }, text);
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expectHarmless(line);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.parse(line)).toMatchObject({ msg: text, [text]: text });
    }
  });
});

test('a pipe gets the bytes of the input, whatever they are', async () => {
  const stdin = '# caf\u200be \u202e\na: "\u2066"\n';
  expect((await runSvidecar(['inject', '-q'], { stdin })).out).toBe(stdin);
});

/** The operations are data of the API server's, in base64. */
function withoutPatch(body: JsonObject): JsonObject {
  const { response } = body;
  return { ...body, response: { ...(response as JsonObject), patch: '' } };
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
