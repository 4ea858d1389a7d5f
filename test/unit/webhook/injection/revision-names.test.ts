/** What two revisions write for one workload never shares a name, whatever the templates and whoever configures the Envoy. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '#kernel/json.ts';
import { readStatuses } from '../../../../webhook/desired/read-statuses.ts';
import { statusText, type Status } from '../../../../webhook/injection/status.ts';
import { decideOn, operationsOf } from '../../../fakes/admission.ts';
import { engineOf } from '../../../fakes/revisions.ts';
import { pod, type Annotations } from '../../../fakes/workloads.ts';

const golden = 'test/golden/injection';
const inputs = readdirSync(golden).filter((file) => file.endsWith('.input.yaml'));

const istios = { 'svidecar.dev/envoy-container': 'istio-proxy' };
const bans = { ...istios, 'svidecar.dev/ban-claims': 'email' };
/** An app and Istio's proxy to come. */
const bare: JsonObject = {
  containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }],
};
const meshed: Readonly<Record<string, Annotations>> = {
  'jwt-validate': istios,
  'jwt-ban': bans,
  'jwt-ban,jwt-validate': bans,
  'istio-validate': { ...istios, 'svidecar.dev/audience': 'shop' },
  'istio-validate,jwt-validate': { ...istios, 'svidecar.dev/audience': 'shop' },
  'jwt-inject,jwt-validate': { ...istios, 'svidecar.dev/audience': 'shop' },
};

const objects: readonly (readonly [string, JsonObject])[] = [
  ...inputs.map((file) => [file, parse(readFileSync(join(golden, file), 'utf8'))] as const),
  ...Object.entries(meshed).map(
    ([templates, more]) =>
      [templates, pod({ 'inject.svidecar.dev/templates': templates, ...more }, bare)] as const,
  ),
];

/** The status, and each name in what is written, the status' own text aside. */
function written(object: JsonObject, revision: string): { status: Status; names: Set<string> } {
  const decision = decideOn(object, { engine: engineOf(revision) });
  if (!('status' in decision)) throw new Error(`${decision.kind}: ${JSON.stringify(decision)}`);
  const text = JSON.stringify([
    operationsOf(decision).filter(({ path }) => !path.includes('svidecar.dev~1status')),
    decision.status.helper?.configMap ?? '',
    decision.status.envoy?.derived ?? '',
  ]);
  const names = text.matchAll(/(?:[a-z0-9.-]+-)?svidecar-[0-9a-f]{32}(?![0-9a-f])/g);
  return { status: decision.status, names: new Set([...names].map(([name]) => name)) };
}

function isInjected([, object]: (typeof objects)[number]): boolean {
  return decideOn(object).kind === 'injected';
}
const tried = objects.filter(isInjected);

test('every golden is tried, and every template in a mesh', () => {
  expect(tried.length).toBeGreaterThan(30);
  expect(tried.map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(meshed)));
});

test.each(tried)('%s: names of canary are not those of the unnamed', (_name, object) => {
  const unnamed = written(object, '');
  const canary = written(object, 'canary');
  expect(canary.names.size).toBe(unnamed.names.size);
  expect([...canary.names].filter((name) => unnamed.names.has(name))).toEqual([]);
});

test.each(tried)('%s: each controller takes its own status for its own', (name, object) => {
  for (const revision of ['', 'canary']) {
    const status = statusText(written(object, revision).status);
    const { faults } = readStatuses([{ namespace: 'shop', kind: 'Pod', name, status }]);
    expect([...faults.values()]).toEqual([]);
  }
});
