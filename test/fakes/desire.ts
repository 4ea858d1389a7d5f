/**
 * A small Desire for tests of the cluster room. The status is JSON:
 * `{"source": "<ConfigMap>"}` wants `<source>-svidecar-1` with the source's data in upper case;
 * `{"helper": "<hash>"}` wants the immutable `svidecar-<hash>`. Like the real status it may name what it uses under `derived`.
 */
import { isObject, stringAt } from '#kernel/json.ts';
import type {
  ConfigMapUser,
  Desired,
  DesiredConfigMap,
  SourceConfigMap,
} from '../../webhook/desired/desired.ts';

const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };

export function desireForTests(
  namespace: string,
  users: readonly ConfigMapUser[],
  sources: ReadonlyMap<string, SourceConfigMap>,
): Desired {
  const configMaps = new Map<string, DesiredConfigMap>();
  const problems: string[] = [];
  for (const user of users) {
    const status: unknown = JSON.parse(user.status);
    if (!isObject(status)) continue;
    const helper = stringAt(status, 'helper');
    if (helper !== undefined) addHelper(configMaps, user, helper);
    const source = sources.get(stringAt(status, 'source') ?? '');
    if (source?.data['envoy.yaml'] === 'broken')
      problems.push(`${namespace}/${source.name} is broken`);
    else if (source !== undefined) addDerived(configMaps, source);
  }
  return { configMaps: [...configMaps.values()], problems };
}

function addHelper(all: Map<string, DesiredConfigMap>, user: ConfigMapUser, hash: string): void {
  const name = `svidecar-${hash}`;
  const owners = all.get(name)?.owners ?? [];
  const isOwner = owners.some((owner) => owner.uid === user.owner.uid);
  all.set(name, {
    namespace: user.namespace,
    name,
    data: { 'helper.yaml': hash },
    immutable: true,
    labels,
    annotations: {},
    owners: isOwner ? owners : [...owners, user.owner],
  });
}

function addDerived(all: Map<string, DesiredConfigMap>, source: SourceConfigMap): void {
  const pairs = Object.entries(source.data).map(([file, text]): [string, string] => [
    file,
    text.toUpperCase(),
  ]);
  const { namespace, name, uid } = source;
  all.set(`${name}-svidecar-1`, {
    namespace,
    name: `${name}-svidecar-1`,
    data: Object.fromEntries(pairs),
    immutable: false,
    labels,
    annotations: { 'svidecar.dev/source': name },
    owners: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }],
  });
}
