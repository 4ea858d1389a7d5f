/** The injector's configuration in the cluster, and the engine built from it. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, textsAt } from '#kernel/json.ts';
import { nameOf, subjectsOf, type ClusterFacts } from '../checks/facts.ts';
import { serviceOf } from '../checks/inspected-hooks.ts';
import { nameFor } from '../request/revision.ts';
import { webhookDeployments } from '../checks/serving.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, readOne, reasonOf } from '../kube/read-list.ts';
import type { Engine } from '../injection/inject.ts';
import type { Site } from './site.ts';

interface Made {
  readonly configuration: ClusterFacts['configuration'];
  readonly engine: Engine;
}

const configMaps = { apiVersion: 'v1', resource: 'configmaps', verb: 'get' } as const;
const usualName = 'svidecar';
const usualKey = 'config.yaml';

export async function readConfiguration(site: Site, minor: number): Promise<Made> {
  const { engines, api, ownNamespace, judgedBy, signal } = site;
  const byDefault = (configuration: ClusterFacts['configuration']): Made => {
    return { configuration, engine: engines.make(minor, undefined, judgedBy) };
  };
  if (engines.isGiven)
    return byDefault({ kind: 'not_asked', reason: 'the file that you gave is used' });
  const name = configMapName(site);
  try {
    const found = await readOne(api, pathOf(configMaps, ownNamespace, name), signal);
    const text = found === undefined ? undefined : textsAt(found, 'data')[usualKey];
    if (text !== undefined) return fromText(site, minor, { text, name });
    const where = `ConfigMap ${ownNamespace}/${name}`;
    const what = found === undefined ? `there is no ${where}` : `${where} has no ${usualKey}`;
    return byDefault({ kind: 'not_asked', reason: `${what}, so the defaults are assumed` });
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    const reason = `${reasonOf(thrown, configMaps)}, in namespace ${ownNamespace}; the defaults are assumed`;
    return byDefault({ kind: 'unknown', reason });
  }
}

/** Undefined where there is none. @throws {ApiRefusal} when it may not be read; {AppError} CLUSTER_UNREACHABLE */
export async function configText(
  api: KubernetesApi,
  { namespace, revision }: { readonly namespace: string; readonly revision: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await readOne(
    api,
    pathOf(configMaps, namespace, nameFor(usualName, revision)),
    signal,
  );
  return found === undefined ? undefined : textsAt(found, 'data')[usualKey];
}

function fromText(
  { engines, ownNamespace, judgedBy }: Site,
  minor: number,
  { text, name }: { readonly text: string; readonly name: string },
): Made {
  const where = { kind: 'ConfigMap', namespace: ownNamespace, name };
  try {
    const engine = engines.make(minor, { text, where: usualKey }, judgedBy);
    return { configuration: { kind: 'known', value: { where, fault: undefined } }, engine };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const fault = `${error.message} [${error.code}]`;
    return {
      configuration: { kind: 'known', value: { where, fault } },
      engine: engines.make(minor, undefined, judgedBy),
    };
  }
}

/** The first ConfigMap that the webhook's Deployment mounts. */
function configMapName({ objects, judgedBy }: Site): string {
  const service = serviceOf(subjectsOf(objects.hooks), judgedBy);
  const [deployment] = webhookDeployments(
    subjectsOf(objects.services).filter(({ object }) => nameOf(object) === service?.name),
    subjectsOf(objects.deployments),
  );
  const template = objectAt(objectAt(deployment?.object, 'spec'), 'template');
  return (
    listAt(objectAt(template, 'spec'), 'volumes')
      .filter(isObject)
      .flatMap((volume) => stringAt(objectAt(volume, 'configMap'), 'name') ?? [])[0] ??
    nameFor(usualName, judgedBy)
  );
}
