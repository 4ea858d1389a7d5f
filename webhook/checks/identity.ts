/** Where identities come from: the CSI driver, SPIRE's agents, and a Workload API that is asked. */
import { firstNames } from '#kernel/first-names.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { containersOf } from './containers.ts';
import { found, skipped, type Check, type Finding, type Material } from './check-contract.ts';
import { metadataOf, nameOf, whereOf, type Subject } from './facts.ts';
import { named } from './inspected-hooks.ts';
import { numberAt } from './serving.ts';

export const csiDriver: Check = {
  id: 'csi_driver',
  category: 'identity',
  claim: 'the CSI driver of the Workload API is installed, and on every node',
  why: 'Pods with its volume wait in ContainerCreating on a node that does not have it.',
  offline: false,
  reads: ['csiDrivers', 'csiNodes', 'workloads', 'pods'],
  run: (material) => {
    const name = material.facts.engine.config.socket.csiDriver;
    if (!isUsed(name, material)) return skipped(`no workload uses a volume of ${name}`);
    const driver = named(material.objects('csiDrivers'), name);
    const where = { kind: 'CSIDriver', namespace: '', name };
    if (driver === undefined) {
      return found([
        {
          severity: 'error',
          where,
          message: 'it is not there, though workloads want its volume',
          hint: 'install the SPIFFE CSI driver, or use svidecar.dev/socket: hostPath',
        },
      ]);
    }
    const modes = listAt(objectAt(driver.object, 'spec'), 'volumeLifecycleModes');
    if (!modes.includes('Ephemeral')) {
      return found([
        {
          severity: 'error',
          where,
          message: 'its volumeLifecycleModes lack Ephemeral, so no pod can have its volume inline',
          hint: "apply the driver's own manifests again",
        },
      ]);
    }
    const nodes = material.objects('csiNodes');
    if (nodes.length === 0) return skipped('the driver is there; no node has registered yet');
    return found(nodesWithout(name, nodes));
  },
};

function isUsed(driver: string, { assessed }: Material): boolean {
  return assessed.some(
    ({ asks, spec }) =>
      asks &&
      listAt(spec, 'volumes')
        .filter(isObject)
        .some((volume) => stringAt(objectAt(volume, 'csi'), 'driver') === driver),
  );
}

function nodesWithout(driver: string, nodes: readonly Subject[]): readonly Finding[] {
  const without = nodes
    .filter(
      ({ object }) =>
        !listAt(objectAt(object, 'spec'), 'drivers')
          .filter(isObject)
          .some((each) => each['name'] === driver),
    )
    .map(({ object }) => nameOf(object));
  if (without.length === 0) return [];
  return [
    {
      severity: without.length === nodes.length ? 'error' : 'warning',
      where: { kind: 'CSIDriver', namespace: '', name: driver },
      message: `${without.length} of ${nodes.length} nodes do not have it: ${firstNames(without)}`,
      hint: "look at the driver's DaemonSet: tolerations, node selector, pods that do not start",
    },
  ];
}

/** Whether a DaemonSet runs SPIRE's agent, by its image. */
export function isAgent(daemonSet: JsonObject): boolean {
  const template = objectAt(objectAt(daemonSet, 'spec'), 'template');
  return containersOf(objectAt(template, 'spec')).some((container) =>
    /(^|\/)spire-agent(?=[:@]|$)/.test(stringAt(container, 'image') ?? ''),
  );
}

export const spireAgent: Check = {
  id: 'spire_agent',
  category: 'identity',
  claim: 'the agents of SPIRE are ready on every node that should have one',
  why: 'Without an agent on its node a helper gets no identity, and its pod does not become ready.',
  offline: false,
  reads: ['agents'],
  run: ({ objects }) => {
    const agents = objects('agents');
    if (agents.length === 0)
      return skipped(
        'no DaemonSet has the image spire-agent, so where agents run cannot be seen from here',
      );
    return found(
      agents.flatMap((agent): readonly Finding[] => {
        const status = objectAt(agent.object, 'status');
        const wanted = numberAt(status, 'desiredNumberScheduled') ?? 0;
        const ready = numberAt(status, 'numberReady') ?? 0;
        if (wanted > 0 && ready >= wanted) return [];
        const namespace = stringAt(metadataOf(agent.object), 'namespace') ?? '';
        return [
          {
            severity: ready === 0 ? 'error' : 'warning',
            where: whereOf(agent, namespace),
            message: `${ready} of ${wanted} agents are ready`,
            hint: `kubectl get pods -n ${namespace} -o wide; kubectl logs -n ${namespace} daemonset/${nameOf(agent.object)}`,
          },
        ];
      }),
    );
  },
};

export const workloadApi: Check = {
  id: 'workload_api',
  category: 'identity',
  claim: 'the Workload API at the given socket answers',
  why: 'It is where every helper gets its tokens and keys from.',
  offline: false,
  reads: [],
  run: ({ facts: { workloadApi: answer } }) => {
    if (answer.kind === 'not_asked') return skipped(answer.reason);
    if (answer.kind === 'unknown') return { findings: [], unread: [answer.reason] };
    const { kind, text, address } = answer.value;
    // No identity for this process is an answer: it has no registration entry, and needs none.
    if (kind === 'identity' || kind === 'no_identity')
      return { findings: [], notes: [`${address}: ${text}`] };
    return found([
      {
        severity: 'error',
        where: undefined,
        message: `${address}: ${text}`,
        hint: 'run this on a node, as root, with the path that the agent listens on; check that the agent runs',
      },
    ]);
  },
};
