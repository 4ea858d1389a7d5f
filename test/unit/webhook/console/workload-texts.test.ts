import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { known } from '../../../../webhook/checks/facts.ts';
import { workloadTexts } from '../../../../webhook/console/workload-texts.ts';
import type { Engine } from '../../../../webhook/injection/inject.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { engineOf, revisionKey } from '../../../fakes/revisions.ts';
import { envoySource, envoyText } from '../../../fakes/workload-parts.ts';
import { appAlone, deployment, injectBackend } from '../../../fakes/workloads.ts';

const title = 'Deployment shop/frontend';

interface Scene {
  readonly isStale?: boolean;
  readonly engine?: Engine;
  /** Of the namespace. */
  readonly labels?: JsonObject;
}

function textsOf(
  object: JsonObject,
  { isStale = false, engine = engineFor(), labels = {} }: Scene = {},
) {
  const live = {
    name: 'deployments.apps/frontend',
    namespace: 'shop',
    object,
    serverVersion: { kind: 'known', value: { major: 1, minor: 36 } },
    configMaps: [envoySource],
    envoyFilters: known([]),
    namespaceLabels: { kind: 'known', value: labels },
  } as const;
  return workloadTexts({ live, engine, title }, isStale);
}

/** Names of ours that it mounts. */
function configMapsOf(object: JsonObject): readonly string[] {
  const text = JSON.stringify(object['spec'] ?? {});
  return [...text.matchAll(/"configMap":\{"name":"([^"]*svidecar-[0-9a-f]{32})"/g)].map(
    ([, name = '']) => name,
  );
}

describe('the texts of a workload', () => {
  it('are it without and with svidecar, each Envoy file, and the settings of its helper', () => {
    const asked = textsOf(deployment(injectBackend));
    expect(asked.map((each) => [each.title, each.kind])).toEqual([
      [title, 'object'],
      ['helper.yaml', 'settings'],
      ['envoy.yaml', 'envoy'],
    ]);
    const [object, settings, envoy] = asked;
    expect(object?.after).toContain('auth-helper');
    expect(object?.afterName).toBe(`${title} as it would be`);
    expect(settings).toMatchObject({ before: '', beforeName: 'nothing' });
    expect(envoy?.before).toBe(envoyText);
    expect(envoy?.after).toContain('svidecar.jwt-inject');
    const stored = textsOf(injected(deployment(injectBackend)));
    expect(stored.map(({ before }) => before)).toEqual(asked.map(({ before }) => before));
    expect(stored[0]?.afterName).toBe(`${title} as stored`);
    expect(stored[0]?.after).toContain('auth-helper');
  });

  it('begin, of a stale one, with what a restart changes', () => {
    const object = injected(deployment(injectBackend));
    const newer = engineFor({ helper: { image: 'example.org/helper:2' } });
    const [restart, whole] = textsOf(object, { isStale: true, engine: newer });
    expect(restart?.before).not.toContain('example.org/helper:2');
    expect(restart?.after).toContain('example.org/helper:2');
    expect(restart?.before).toBe(whole?.after);
    expect(whole?.before).not.toContain('auth-helper');
  });

  it('are there for a template without settings of its own', () => {
    const socket = deployment({ 'inject.svidecar.dev/templates': 'spiffe-socket' }, appAlone);
    const [object] = textsOf(socket);
    expect(object?.after).toContain('SPIFFE_ENDPOINT_SOCKET');
    expect(object?.before).not.toContain('SPIFFE_ENDPOINT_SOCKET');
  });

  it('say why there is nothing to show of one that is refused', () => {
    const refused = textsOf(deployment({ ...injectBackend, 'svidecar.dev/audience': 'a b' }));
    expect(refused).toHaveLength(1);
    expect(refused[0]?.problem).toContain('svidecar.dev/audience');
    expect(refused[0]?.before).toBe(refused[0]?.after);
  });

  it('are those of the revision that its namespace names', () => {
    const object = deployment(injectBackend);
    const [whole] = textsOf(object, { labels: { [revisionKey]: 'canary' } });
    const names = configMapsOf(injected(object, { engine: engineOf('canary') }));
    expect(names).toHaveLength(2);
    for (const name of names) expect(whole?.after).toContain(`name: ${name}\n`);
  });

  it('are none where nothing is asked for', () => {
    expect(textsOf(deployment({}, appAlone))).toEqual([]);
  });
});
