/** Our reading of a configuration is that of the real Envoy: spelling by spelling. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Json, type JsonObject, isObject, listAt, objectAt } from '#kernel/json.ts';
import { isOff, isOn, isOneOf, numberOf } from '../../webhook/envoy/proto-scalar.ts';
import { readSource } from '../../webhook/editing/read-source.ts';
import { dialectOf } from '../../webhook/envoy/file-kind.ts';
import { readByEnvoy } from './harness/envoy-reader.ts';

const type = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** A file whose only route has this action. */
function routeFile(name: string, action: JsonObject): string {
  const route = { match: { prefix: '/' }, route: { cluster: 'c', ...action } };
  const host = { name: 'a', domains: ['*'], routes: [route] };
  return JSON.stringify({ resources: [{ '@type': type, name, virtual_hosts: [host] }] });
}

/** What Envoy makes of the action; undefined where it refuses the file. */
function actionIn(config: JsonObject | undefined): JsonObject | undefined {
  if (config === undefined) return undefined;
  const [host] = listAt(config, 'virtual_hosts');
  const [route] = listAt(isObject(host) ? host : {}, 'routes');
  return objectAt(isObject(route) ? route : {}, 'route');
}

/** Each action, and what Envoy makes of it. */
async function actionsByEnvoy(
  actions: readonly JsonObject[],
): Promise<readonly (JsonObject | undefined)[]> {
  const names = actions.map((_action, index) => `action-${index}.json`);
  const files = names.map((name, index) => [name, routeFile(name, actions[index] ?? {})] as const);
  const read = await readByEnvoy(Object.fromEntries(files));
  return names.map((name) => actionIn(read.get(name)));
}

describe('a field', () => {
  // Tables of spellings, a kind of spelling a line.
  // prettier-ignore
  const booleans: readonly Json[] = [
    true, false, null, 0, 1, {}, { value: true }, { value: false }, { value: 'yes' },
    'true', 'True', 'TRUE', 'yes', 'YES', 'y', 'T', 't', '1', 'on', ' true', '',
    'false', 'False', 'no', 'N', 'f', '0', 'off',
  ];
  // prettier-ignore
  const enums: readonly Json[] = [
    'HANDLE_INTERNAL_REDIRECT', 'handle_internal_redirect', 'Handle_Internal_Redirect',
    'handleInternalRedirect', 'handle-internal-redirect', 1, '1', '01', ' 1', '1 ', '+1',
    'PASS_THROUGH_INTERNAL_REDIRECT', 0, '0', 2, null, true, '', '1.0',
  ];
  // prettier-ignore
  const numbers: readonly Json[] = [
    0, 1, '1', '0', '010', '0x10', '1e1', '1.0', '+1', ' 1', '', 'x', null, true,
    { value: 3 }, { value: '3' }, {}, { value: null },
  ];

  test('has the value that Envoy reads, where Envoy takes it', async () => {
    const actions = [
      ...booleans.map((value) => ({ auto_host_rewrite: value })),
      ...enums.map((value) => ({ internal_redirect_action: value })),
      ...numbers.map((value) => ({ internal_redirect_policy: { max_internal_redirects: value } })),
    ];
    const read = await actionsByEnvoy(actions);
    const pairs = actions.flatMap((ours, index) => {
      const envoys = read[index];
      return envoys === undefined
        ? []
        : [{ ours: meaning(ours), envoys: meaning(envoys), of: ours }];
    });
    expect(pairs.filter(({ ours, envoys }) => ours !== envoys)).toEqual([]);
    expect(pairs.length).toBeGreaterThan(actions.length / 2);
  });
});

const followed = [{ name: 'HANDLE_INTERNAL_REDIRECT', number: 1 }];

function meaning(action: JsonObject): string {
  const policy = objectAt(action, 'internal_redirect_policy');
  return JSON.stringify([
    isOn(action, 'auto_host_rewrite'),
    isOff(action, 'auto_host_rewrite'),
    isOneOf(action, 'internal_redirect_action', followed),
    numberOf(policy, 'max_internal_redirects'),
  ]);
}

/** What we make of a file; undefined where we refuse it. */
function readByUs(name: string, text: string): JsonObject | undefined {
  const dialect = dialectOf(name, text);
  if (dialect === undefined) return undefined;
  try {
    const { value } = readSource({
      text,
      where: name,
      dialect,
      span: { start: 0, end: text.length },
    });
    const [resource] = listAt(isObject(value) ? value : {}, 'resources');
    return isObject(resource) ? resource : {};
  } catch {
    return undefined;
  }
}

const metadataOf = (config: JsonObject): Json =>
  objectAt(objectAt(config, 'metadata'), 'filter_metadata')['x'] ?? null;

test('a value in YAML is the one that Envoy reads, or is refused', async () => {
  const list = join(import.meta.dirname, '../fixtures/field/envoy-reader/values.json');
  const values = JSON.parse(readFileSync(list, 'utf8')) as readonly string[];
  const files = values.map((value, index) => {
    const name = `value-${index}.yaml`;
    const head = `resources:\n- "@type": ${type}\n  name: ${name}\n  metadata:\n    filter_metadata:\n`;
    return { name, value, text: `${head}      x:\n        v: ${value}\n` };
  });
  const read = await readByEnvoy(Object.fromEntries(files.map(({ name, text }) => [name, text])));
  const told = files.flatMap(({ name, value, text }) => {
    const envoys = read.get(name);
    const ours = readByUs(name, text);
    if (envoys === undefined || ours === undefined) return [];
    return [{ value, envoys: metadataOf(envoys), ours: metadataOf(ours) }];
  });
  for (const { value, envoys, ours } of told) expect(ours, JSON.stringify(value)).toEqual(envoys);
  expect(told.length).toBeGreaterThan(300);
}, 240_000);

test('a file is read as what its name says to Envoy, or is refused', async () => {
  const flow = (name: string): string => `{resources: [{"@type": "${type}", "name": "${name}"}]}`;
  const json = (name: string): string => JSON.stringify({ resources: [{ '@type': type, name }] });
  const block = (name: string): string => `resources:\n- "@type": ${type}\n  name: ${name}\n`;
  const names = ['json', 'JSON', 'yaml', 'YAML', 'yml', 'txt', 'textproto', 'yaml.bak'];
  const files = [flow, json, block].flatMap((write, kind) =>
    names.map((end) => [`file-${kind}.${end}`, write(`file-${kind}.${end}`)] as const),
  );
  const read = await readByEnvoy(Object.fromEntries(files));
  const taken = files.filter(([name]) => read.has(name));
  for (const [name, text] of taken) {
    const ours = readByUs(name, text);
    if (ours !== undefined) expect(ours, name).toEqual(read.get(name));
  }
  // Bare keys are JSON to Envoy alone.
  const bare = taken.filter(([name, text]) => readByUs(name, text) === undefined);
  expect(bare.map(([name]) => name)).toEqual([
    'file-0.json',
    'file-0.JSON',
    'file-0.txt',
    'file-0.textproto',
    'file-0.yaml.bak',
  ]);
  expect(taken.length).toBe(19);
});
