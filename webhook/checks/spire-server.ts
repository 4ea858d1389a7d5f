/** SPIRE's server, and a spire-controller-manager that writes entries beside the webhook. */
import { AppError } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import { openText } from '../editing/open-text.ts';
import { mountedConfigMaps } from './assess.ts';
import { found, skipped, type Check, type Finding, type Material } from './check-contract.ts';
import { containersOf } from './containers.ts';
import { metadataOf, nameOf, whereOf, type Subject, type Where } from './facts.ts';

export const spireServer: Check = {
  id: 'spire_server',
  category: 'identity',
  claim: 'the server of SPIRE answers',
  why: 'It holds the registrations; without it agents renew what they know, and nothing new gets an identity.',
  offline: true,
  reads: [],
  run: ({ facts: { spire } }) => {
    switch (spire.kind) {
      case 'not_asked':
        return skipped(spire.reason);
      case 'unknown':
        return found([
          {
            severity: 'error',
            where: undefined,
            message: spire.reason,
            hint: 'check that the server runs, and that its address is right and may be reached from here; or give what "spire-server entry show -output json" prints (--entries)',
          },
        ]);
      case 'known': {
        const { source, entries } = spire.value;
        return {
          findings: [],
          notes: [`${source}: ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`],
        };
      }
      default:
        return spire satisfies never;
    }
  },
};

/** Whether a workload runs spire-controller-manager, by its image. */
export function isControllerManager(workload: JsonObject): boolean {
  const template = objectAt(objectAt(workload, 'spec'), 'template');
  return containersOf(objectAt(template, 'spec')).some((container) =>
    /(^|\/)spire-controller-manager(?=[:@]|$)/.test(stringAt(container, 'image') ?? ''),
  );
}

export const entryIdPrefix: Check = {
  id: 'entry_id_prefix',
  category: 'identity',
  claim: "a spire-controller-manager beside the webhook leaves the webhook's entries alone",
  why: 'Without a prefix for its own entries it deletes every entry of others, within seconds.',
  offline: false,
  reads: ['controllerManagers', 'configMaps'],
  run: (material) => {
    const { registration } = material.facts.engine.config;
    if (registration !== 'entries') return skipped('the webhook registers no entries');
    const managers = material.objects('controllerManagers');
    const looked = managers.map((manager) => faultsOf(manager, material));
    return {
      findings: looked.flatMap(({ findings }) => findings),
      unread: looked.flatMap(({ unread }) => unread),
    };
  },
};

interface Looked {
  readonly findings: readonly Finding[];
  readonly unread: readonly string[];
}

function faultsOf(manager: Subject, material: Material): Looked {
  const namespace = stringAt(metadataOf(manager.object), 'namespace') ?? '';
  const where = whereOf(manager, namespace);
  const configs = configsOf(manager, namespace, material);
  if (configs.length === 0) {
    const words = `${where.kind} ${namespace}/${where.name}: the configuration of its spire-controller-manager is in no ConfigMap that can be read`;
    return { findings: [], unread: [words] };
  }
  return { findings: configs.flatMap((config) => prefixFaults(config, where)), unread: [] };
}

interface ManagerConfig {
  /** ConfigMap, by name. */
  readonly name: string;
  readonly value: JsonObject;
}

const configKind = 'ControllerManagerConfig';

function configsOf(
  { object }: Subject,
  namespace: string,
  { objects }: Material,
): readonly ManagerConfig[] {
  const mounted = mountedConfigMaps(object);
  return objects('configMaps')
    .map((each) => each.object)
    .filter((each) => {
      return stringAt(metadataOf(each), 'namespace') === namespace && mounted.has(nameOf(each));
    })
    .flatMap((each) =>
      Object.values(textsAt(each, 'data'))
        .flatMap((text) => configIn(text))
        .map((value) => ({ name: nameOf(each), value })),
    );
}

function configIn(text: string): readonly JsonObject[] {
  if (!text.includes(configKind)) return [];
  try {
    const { value } = openText(
      text,
      { start: 0, end: text.length },
      { where: configKind, dialect: 'kubernetes' },
    );
    return isObject(value) && value['kind'] === configKind ? [value] : [];
  } catch (error) {
    if (error instanceof AppError) return [];
    throw error;
  }
}

/** Its entries are named `<prefix>.…`, ours `svidecar.…` or `svidecar-<cluster>.…`. */
function prefixFaults({ name, value }: ManagerConfig, where: Where): readonly Finding[] {
  const [prefix, cleanup] = ['entryIDPrefix', 'entryIDPrefixCleanup'].map((key) =>
    stringAt(value, key),
  );
  const finding = (message: string, hint: string): readonly Finding[] => [
    { severity: 'error', where, message, hint },
  ];
  const place = `ConfigMap ${where.namespace}/${name}`;
  if (prefix === undefined || prefix === '') {
    return finding(
      "its configuration has no entryIDPrefix: it deletes every entry that is not its own, the webhook's among them",
      `set entryIDPrefix: controller-manager in ${place}, and restart it; its own entries are made anew`,
    );
  }
  if (isOurPrefix(prefix)) {
    return finding(
      `entryIDPrefix: ${prefix} is the prefix of the webhook's entries: it deletes those that it has not made`,
      `choose another one in ${place}, such as controller-manager`,
    );
  }
  return cleanup !== undefined && isOurPrefix(cleanup)
    ? finding(
        `entryIDPrefixCleanup: ${cleanup} makes it delete the webhook's entries`,
        `remove it from ${place}`,
      )
    : [];
}

function isOurPrefix(prefix: string): boolean {
  return /^svidecar(-[a-z0-9-]*)?\.?$/.test(prefix);
}
