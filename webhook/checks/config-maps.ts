/** The ConfigMaps that injected workloads mount: the helper's settings, and the derived Envoy configurations. */
import { objectAt, sameJson, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import {
  isManaged,
  type ConfigMapUser,
  type DesiredConfigMap,
  type SourceConfigMap,
} from '../desired/desired.ts';
import { desiredConfigMaps } from '../desired/marks.ts';
import type { Engine } from '../injection/inject.ts';
import { noRevision } from '../request/revision.ts';
import { hasSource, type EnvoyPlan, type Status } from '../injection/status.ts';
import { readableStatus, statusTextOf, type Assessed } from './assess.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { metadataOf, nameOf, namespaceOf, type Subject, type Where } from './facts.ts';

export const configMaps: Check = {
  id: 'config_maps',
  category: 'workloads',
  claim: 'the ConfigMaps that injected workloads mount are there and up to date',
  why: 'Without them pods wait in ContainerCreating; with old ones Envoy runs a configuration that nobody wrote.',
  offline: true,
  reads: ['workloads', 'pods', 'configMaps'],
  run: (material) => {
    const namespaces = new Set(
      material.assessed.filter(({ isInjected }) => isInjected).map(({ where }) => where.namespace),
    );
    return found([...namespaces].flatMap((namespace) => faultsIn(namespace, material)));
  },
};

function faultsIn(namespace: string, { facts, objects, assessed }: Material): readonly Finding[] {
  const here = new Map(
    objects('configMaps')
      .filter(({ object }) => namespaceOf(object, facts) === namespace)
      .map((subject) => [nameOf(subject.object), subject]),
  );
  const injected = assessed.filter(
    ({ where, isInjected }) => isInjected && where.namespace === namespace,
  );
  const { configMaps: desired } = desiredConfigMaps(namespace, injected.map(userOf), {
    sources: new Map(
      [...here].map(([name, { object }]) => [name, sourceOf(namespace, name, object)]),
    ),
    memory: facts.engine.memory,
    marks: facts.engine.config.configMaps,
    // What another installation keeps, its version may write otherwise.
    revision: facts.engine.revision ?? noRevision,
  });
  const users = usersByConfigMap(injected);
  return [
    ...desired.flatMap((each) => faultOf(each, here.get(each.name), users)),
    ...missingSources(users.sources, here),
    ...missingOfOthers(injected, { engine: facts.engine, here }),
  ];
}

/** Of those that another revision injected only whether they are there. */
function missingOfOthers(
  injected: readonly Assessed[],
  { engine, here }: { readonly engine: Engine; readonly here: ReadonlyMap<string, Subject> },
): readonly Finding[] {
  const missing = new Map<string, Where>();
  const own = engine.revision ?? noRevision;
  for (const { located, where } of injected) {
    const status = readableStatus(located.template);
    const names = (status?.revision ?? noRevision) === own ? [] : mountedBy(status);
    for (const name of names) if (!here.has(name) && !missing.has(name)) missing.set(name, where);
  }
  return [...missing].map(([name, where]) => ({
    severity: 'error',
    where,
    message: `mounts ConfigMap ${name}, which is not there`,
    hint: 'kubectl rollout restart, or see that the revision runs that injected it (svidecar revision list)',
  }));
}

function mountedBy(status: Status | undefined): readonly string[] {
  const names = [status?.helper?.configMap, status?.envoy?.derived];
  return names.filter((name) => name !== undefined);
}

/** Of an injected object. */
export function userOf({ where, located }: Assessed): ConfigMapUser {
  const { kind, name, namespace } = where;
  const owner = { apiVersion: '', kind, name, uid: name };
  return { namespace, kind, name, owner, status: statusTextOf(located) ?? '' };
}

function sourceOf(namespace: string, name: string, object: JsonObject): SourceConfigMap {
  return {
    namespace,
    name,
    uid: '',
    resourceVersion: '',
    data: textsAt(object, 'data'),
    binaryData: textsAt(object, 'binaryData'),
  };
}

interface Users {
  /** Name of one of our ConfigMaps → the first object that mounts it. */
  readonly mounted: ReadonlyMap<string, Where>;
  /** Name of a source → the first whose Envoy configuration is made from it. */
  readonly sources: ReadonlyMap<string, Where>;
}

function usersByConfigMap(injected: readonly Assessed[]): Users {
  const mounted = new Map<string, Where>();
  const sources = new Map<string, Where>();
  for (const { located, where } of injected) {
    const { helper, envoy } = readableStatus(located.template) ?? {};
    for (const name of [helper?.configMap, envoy?.derived]) {
      if (name !== undefined && !mounted.has(name)) mounted.set(name, where);
    }
    const source = sourceNameOf(envoy);
    if (source !== undefined && !sources.has(source)) sources.set(source, where);
  }
  return { mounted, sources };
}

/** One that a template brings has none. */
function sourceNameOf(envoy: EnvoyPlan | undefined): string | undefined {
  return envoy !== undefined && hasSource(envoy) ? envoy.source : undefined;
}

const controllerHint =
  "look at the webhook's log (kubectl logs -n svidecar deployment/svidecar) for what keeps it from writing ConfigMaps";

function faultOf(
  desired: DesiredConfigMap,
  there: Subject | undefined,
  { mounted }: Users,
): readonly Finding[] {
  const { name } = desired;
  const where = mounted.get(name);
  const finding = (message: string, hint: string): readonly Finding[] => [
    { severity: 'error', where, message, hint },
  ];
  if (there === undefined)
    return finding(`mounts ConfigMap ${name}, which is not there`, controllerHint);
  const labels = textsAt(metadataOf(there.object), 'labels');
  if (!isManaged(labels)) {
    return finding(
      `mounts ConfigMap ${name}, which is not svidecar's: it lacks the label app.kubernetes.io/managed-by: svidecar`,
      'rename or remove it; svidecar then makes its own',
    );
  }
  const { data, binaryData = {} } = desired;
  const isSame =
    sameJson(objectAt(there.object, 'data'), data) &&
    sameJson(objectAt(there.object, 'binaryData'), binaryData);
  if (isSame) return [];
  return finding(
    `mounts ConfigMap ${name}, whose contents are not what they should be`,
    controllerHint,
  );
}

function missingSources(
  sources: ReadonlyMap<string, Where>,
  here: ReadonlyMap<string, Subject>,
): readonly Finding[] {
  return [...sources].flatMap(([name, where]): readonly Finding[] => {
    const isThere = stringAt(here.get(name)?.object, 'kind') !== undefined;
    if (isThere) return [];
    return [
      {
        severity: 'error',
        where,
        message: `its Envoy configuration is made from ConfigMap ${name}, which is not there`,
        hint: `create ConfigMap ${name} in namespace ${where.namespace}; svidecar follows`,
      },
    ];
  });
}
