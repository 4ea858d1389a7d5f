/** Selectors judged from an object, against what SPIRE's agent derives from the pod that comes of it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { fitOf, type SelectorVerdict } from '../../webhook/identity/meet-selectors.ts';
import { locate, type Located } from '../../webhook/request/locate.ts';

/** As the agent's attestor does it: `getSelectorValuesFromPodInfo`, and `…FromWorkloadContainerStatus`. */
function attested(pod: JsonObject, container: string): ReadonlySet<string> {
  const [metadata, spec, status] = ['metadata', 'spec', 'status'].map((key) => objectAt(pod, key));
  const [mains, inits] = ['containerStatuses', 'initContainerStatuses'].map((key) =>
    listAt(status, key).filter(isObject),
  );
  const text = (object: JsonObject | undefined, key: string): string => stringAt(object, key) ?? '';
  const images = (prefix: string, all: readonly JsonObject[] = []): readonly string[] =>
    all.flatMap((each) => ['image', 'imageID'].map((key) => `${prefix}:${text(each, key)}`));
  const own = [...(mains ?? []), ...(inits ?? [])].filter(({ name }) => name === container);
  const owners = listAt(metadata, 'ownerReferences').filter(isObject);
  const values = [
    `sa:${text(spec, 'serviceAccountName')}`,
    `ns:${text(metadata, 'namespace')}`,
    `node-name:${text(spec, 'nodeName')}`,
    `pod-uid:${text(metadata, 'uid')}`,
    `pod-name:${text(metadata, 'name')}`,
    `pod-image-count:${mains?.length ?? 0}`,
    `pod-init-image-count:${inits?.length ?? 0}`,
    ...images('pod-image', mains),
    ...images('pod-init-image', inits),
    ...Object.keys(objectAt(metadata, 'labels')).map(
      (key) => `pod-label:${key}:${text(objectAt(metadata, 'labels'), key)}`,
    ),
    ...owners.map((owner) => `pod-owner:${text(owner, 'kind')}:${text(owner, 'name')}`),
    ...owners.map((owner) => `pod-owner-uid:${text(owner, 'kind')}:${text(owner, 'uid')}`),
    `container-name:${container}`,
    ...images('container-image', own),
  ];
  return new Set(values.map((value) => `k8s:${value}`));
}

const word = fc.constantFrom('a', 'b', 'web', 'web-1');
const labels = fc.dictionary(fc.constantFrom('app', 'x/y', 'tier'), word, { maxKeys: 3 });
const statuses = (names: readonly string[]): fc.Arbitrary<JsonObject[]> =>
  fc.tuple(
    ...names.map((name) =>
      word.map((image) => ({ name, image: `r/${image}`, imageID: `r/${image}@sha256:1` })),
    ),
  );

interface Life {
  readonly workload: JsonObject;
  readonly pod: JsonObject;
}
/** A workload, and a pod that its controller has made, and that runs. */
const lives: fc.Arbitrary<Life> = fc
  .record({
    kind: fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'),
    name: word,
    namespace: word,
    account: word,
    labels,
    mains: statuses(['app', 'auth-helper']),
    inits: fc.oneof(fc.constant<JsonObject[]>([]), statuses(['first'])),
  })
  .map(({ kind, name, namespace, account, labels: own, mains, inits }) => {
    const template = {
      metadata: { labels: own },
      spec: { serviceAccountName: account, containers: [] },
    };
    const spec = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template };
    const between = kind === 'Deployment' ? 'ReplicaSet' : kind === 'CronJob' ? 'Job' : undefined;
    const owner = {
      kind: between ?? kind,
      name: between === undefined ? name : `${name}-5d`,
      uid: 'u1',
    };
    return {
      workload: {
        apiVersion: kind.endsWith('ob') ? 'batch/v1' : 'apps/v1',
        kind,
        metadata: { name, namespace, ...(between === undefined ? { uid: 'u1' } : {}) },
        spec,
      },
      pod: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: `${owner.name}-x`,
          namespace,
          uid: 'u2',
          ownerReferences: [owner],
          labels: { ...own, 'pod-template-hash': '5d', 'svidecar.dev/injected': 'true' },
        },
        spec: { serviceAccountName: account, nodeName: 'n1', containers: [] },
        status: { containerStatuses: mains, initContainerStatuses: inits },
      },
    };
  });

/** Selectors that the pod has, and such as it might have had. */
function asked(life: Life): readonly string[] {
  const has = [...attested(life.pod, 'auth-helper')];
  return [
    ...has,
    ...has.map((each) => `${each}z`),
    'k8s:pod-label:nobody:has',
    'k8s:pod-owner:Pod:a',
    'k8s:pod-owner:ReplicaSet:q-1',
  ];
}

function located(object: JsonObject): Located {
  const found = locate(object, 'default');
  if (found === undefined) throw new TypeError('it has a pod template');
  return found;
}

function verdictOf(selector: string, object: JsonObject): SelectorVerdict {
  const { unmet, unjudged } = fitOf([selector], {
    located: located(object),
    container: 'auth-helper',
  });
  if (unmet.length > 0) return 'unmet';
  return unjudged.length > 0 ? 'unjudged' : 'met';
}

test('of a pod that runs, every selector is judged as the agent judges it', () => {
  fc.assert(
    fc.property(lives, (life) => {
      const has = attested(life.pod, 'auth-helper');
      for (const selector of asked(life))
        expect([selector, verdictOf(selector, life.pod)]).toEqual([
          selector,
          has.has(selector) ? 'met' : 'unmet',
        ]);
    }),
  );
});

test('of a workload, no selector is said to be met or unmet that its pods show otherwise', () => {
  fc.assert(
    fc.property(lives, (life) => {
      const has = attested(life.pod, 'auth-helper');
      for (const selector of asked(life)) {
        const wrong = has.has(selector) ? 'unmet' : 'met';
        expect([selector, verdictOf(selector, life.workload)]).not.toEqual([selector, wrong]);
      }
    }),
  );
});

test('what a workload does say is judged', () => {
  fc.assert(
    fc.property(lives, ({ workload }) => {
      const { namespace, name, template } = located(workload);
      const account = stringAt(objectAt(template, 'spec'), 'serviceAccountName');
      const selectors = [
        `k8s:ns:${namespace}`,
        `k8s:sa:${account}`,
        'k8s:container-name:auth-helper',
      ];
      const { unmet, unjudged } = fitOf([...selectors, ...selectors.map((each) => `${each}z`)], {
        located: located(workload),
        container: 'auth-helper',
      });
      expect([unmet, unjudged]).toEqual([selectors.map((each) => `${each}z`), []]);
      expect(verdictOf(`k8s:pod-name:q${name}-1`, workload)).toBe('unmet');
    }),
  );
});

test("selectors of other attestors, and kinds that are not known, are nobody's to judge", () => {
  fc.assert(
    fc.property(lives, fc.constantFrom('workload', 'pod'), (life, which) => {
      for (const selector of [
        'unix:uid:0',
        'docker:label:a:b',
        'k8s:image-signature-subject:x',
        'k8s:constructor:x',
        'k8s',
        '',
      ])
        expect(verdictOf(selector, life[which])).toBe('unjudged');
    }),
  );
});
