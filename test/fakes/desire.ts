/**
 * A small Desire for tests of the controller. The status is JSON:
 * `{"source": "<ConfigMap>"}` wants `derivedFor(<ConfigMap>)` with the source's data in upper case;
 * `{"helper": "<text>"}` wants the immutable `helperFor(<text>)`. Like the real status it may name what it uses under `derived`.
 */
import { isObject, stringAt } from '#kernel/json.ts';
import { helperNameBy } from '../../webhook/injection/compose.ts';
import { contentHash, nameHashOf } from '../../webhook/injection/hash.ts';
import type { Desire } from '../../webhook/controller/desire.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  Rendered,
  SourceConfigMap,
  WantedConfigMaps,
  WantedEnvoy,
} from '../../webhook/desired/desired.ts';

const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };

export const desireForTests: Desire = { wanted, render };

/** Names as the real ones look. */
export const derivedFor = (source: string): string => `${source}-svidecar-${contentHash(source)}`;
export const helperFor = (text: string): string => helperNameBy(text)(nameHashOf(''));

function wanted(users: readonly ConfigMapUser[]): WantedConfigMaps {
  const helpers = new Map<string, DesiredConfigMap>();
  const envoys = new Map<string, { plan: WantedEnvoy['plan']; users: ConfigMapUser[] }>();
  const summaries = new Map<ConfigMapUser, string>();
  for (const user of users) {
    const status: unknown = JSON.parse(user.status);
    if (!isObject(status)) continue;
    summaries.set(user, 'something');
    const helper = stringAt(status, 'helper');
    if (helper !== undefined) addHelper(helpers, user, helper);
    const source = stringAt(status, 'source');
    if (source === undefined) continue;
    const before = envoys.get(source)?.users ?? [];
    envoys.set(source, { plan: planOf(source), users: [...before, user] });
  }
  return { helpers: [...helpers.values()], envoys: [...envoys.values()], problems: [], summaries };
}

function planOf(source: string): WantedEnvoy['plan'] {
  const derived = derivedFor(source);
  return { source, derived, file: 'envoy.yaml', directory: '/', templates: [], values: {} };
}

function addHelper(all: Map<string, DesiredConfigMap>, user: ConfigMapUser, text: string): void {
  const name = helperFor(text);
  const before = all.get(name);
  const owners = before?.owners ?? [];
  const isOwner = owners.some((owner) => owner.uid === user.owner.uid);
  all.set(name, {
    namespace: user.namespace,
    name,
    data: { 'helper.yaml': text },
    immutable: true,
    labels,
    annotations: {},
    owners: isOwner ? owners : [...owners, user.owner],
    users: [...(before?.users ?? []), user],
  });
}

function render(
  namespace: string,
  { plan, users }: WantedEnvoy,
  source: SourceConfigMap | undefined,
): Rendered {
  if (source === undefined || source.data['envoy.yaml'] === 'broken') {
    const what = source === undefined ? 'not there' : 'broken';
    const reason = source === undefined ? 'EnvoyConfigMissing' : 'EnvoyConfigInvalid';
    const message = `${namespace}/${plan.source} is ${what}`;
    return { kind: 'problem', problem: { reason, message, users } };
  }
  const { name, uid } = source;
  const pairs = Object.entries(source.data).map(([file, text]): [string, string] => [
    file,
    text.toUpperCase(),
  ]);
  const configMap: DesiredConfigMap = {
    namespace,
    name: plan.derived,
    data: Object.fromEntries(pairs),
    immutable: false,
    labels,
    annotations: { 'svidecar.dev/source': name },
    owners: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }],
    users,
  };
  return { kind: 'rendered', configMap, changes: ['all in upper case'], warnings: [] };
}
