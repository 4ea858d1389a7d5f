/** For every namespace, template and set of installations: who is asked about an object, and who acts. */
import { describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { otherRevision } from '../../../../webhook/admission/other-revision.ts';
import { defaultConfiguration } from '../../../../webhook/request/revision-hooks.ts';
import { isMatched } from '../../../../webhook/objects/label-selector.ts';
import { locate } from '../../../../webhook/request/locate.ts';
import { hooksBy, revisionKey } from '../../../fakes/revisions.ts';
import { chosenRevision } from '../../../../webhook/request/revision.ts';

interface Scene {
  readonly installed: readonly string[];
  readonly byDefault: string | undefined;
  readonly namespace: string | undefined;
  readonly template: string | undefined;
}

/** The conditions as the API server reads them; their CEL is tried on a real one. */
function isCalled(hook: JsonObject, { namespace, template }: Scene): boolean {
  const labels = {
    'svidecar.dev/injection': 'enabled',
    'kubernetes.io/metadata.name': 'shop',
    ...(namespace === undefined ? {} : { [revisionKey]: namespace }),
  };
  if (!isMatched(objectAt(hook, 'namespaceSelector'), labels)) return false;
  const conditions = listAt(hook, 'matchConditions').filter(isObject);
  return conditions.every(({ name, expression }) => {
    if (name === 'names-no-revision') return template === undefined;
    if (name !== 'names-this-revision') return true;
    return (
      /== '([^']*)'/.exec(typeof expression === 'string' ? expression : '')?.[1] ===
      (template ?? '')
    );
  });
}

function podOf(template: string | undefined, injectedBy: string | undefined): JsonObject {
  const status =
    injectedBy === undefined ? '' : `{"version":"0.1.0","revision":"${injectedBy}","templates":[]}`;
  const annotations =
    injectedBy === undefined || injectedBy === '' ? {} : { 'svidecar.dev/status': status };
  const labels = template === undefined ? {} : { [revisionKey]: template };
  return { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', annotations, labels }, spec: {} };
}

/** Who acts, in the order in which the API server calls: by the names of configurations. */
function actors(kind: string, scene: Scene): readonly string[] {
  const { installed, byDefault, template } = scene;
  const called = [
    ...(byDefault === undefined
      ? []
      : [
          {
            revision: byDefault,
            all: [defaultConfiguration(hooksBy(byDefault), byDefault)],
          },
        ]),
    ...installed.map((revision) => ({ revision, all: hooksBy(revision) })),
  ].flatMap(({ revision, all }) =>
    all
      .flatMap((each) => listAt(each, 'webhooks'))
      .filter(isObject)
      .filter((hook) => (stringAt(hook, 'name') ?? '').replace('labelled-', '') === kind)
      .filter((hook) => isCalled(hook, scene))
      .map(() => revision),
  );
  const acting: string[] = [];
  for (const revision of called) {
    const located = locate(podOf(template, acting.at(-1)), 'shop');
    if (located === undefined) throw new Error('a pod is located');
    const own = { name: revision, isReplaced: byDefault !== undefined && byDefault !== revision };
    if (otherRevision(located, own) === undefined) acting.push(revision);
  }
  return acting;
}

const names = [undefined, 'canary', 'next', 'nobody', 'default'];
const sets = [[''], ['canary'], ['', 'canary'], ['canary', 'next'], ['', 'canary', 'next']];
const scenes = sets.flatMap((installed) =>
  [undefined, ...installed].flatMap((byDefault) =>
    names.flatMap((namespace) =>
      names.map((template): Scene => ({ installed, byDefault, namespace, template })),
    ),
  ),
);

describe.each(['pods.svidecar.dev', 'workloads.svidecar.dev', 'pod-updates.svidecar.dev'])(
  '%s',
  (kind) => {
    test('exactly the chosen one acts, and nobody where it is not there', () => {
      expect(scenes.length).toBe(350);
      for (const scene of scenes) {
        const { installed, byDefault, namespace, template } = scene;
        const chosen = chosenRevision(template, namespace);
        const usual = byDefault ?? (installed.includes('') ? '' : undefined);
        const expected = chosen === '' ? usual : chosen;
        const is = expected !== undefined && installed.includes(expected) ? [expected] : [];
        const acting = [...new Set(actors(kind, scene))];
        expect(acting, JSON.stringify(scene)).toEqual(is);
      }
    });
  },
);
