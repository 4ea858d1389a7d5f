/** What happens to pods: read, wait for, and do to them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { runCommand, waitUntil } from '../../integration/harness/processes.ts';
import { repository, type Cluster } from './cluster.ts';

/** Puts svidecar into the cluster, as `scripts/install` does; again changes nothing. */
export async function installSvidecar({ name }: Cluster): Promise<void> {
  const env = { KUBECTL: `${join(repository, 'scripts/cluster')} --name ${name} kubectl` };
  const options = { env, deadlineMs: 240_000 };
  const installed = await runCommand(join(repository, 'scripts/install'), ['svidecar'], options);
  if (installed.code !== 0) throw new Error(`${installed.stdout}\n${installed.stderr}`);
}

/** Asks and acts in one namespace. */
export class Workloads {
  readonly #cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.namespace = namespace;
  }

  /** kubectl in this namespace. */
  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.#cluster.kubectl(['-n', this.namespace, ...args], input);
  }

  async list(words: readonly string[]): Promise<readonly JsonObject[]> {
    const list: unknown = JSON.parse(await this.kubectl(['get', ...words, '-o', 'json']));
    return listAt(isObject(list) ? list : {}, 'items').filter(isObject);
  }

  /** The pods of an app that are not on their way out. */
  async podsOf(app: string): Promise<readonly JsonObject[]> {
    return (await this.list(['pods', '-l', `app=${app}`])).filter((pod) => !isGoing(pod));
  }

  async onlyPod(app: string): Promise<JsonObject> {
    const pods = await this.podsOf(app);
    const [pod] = pods;
    if (pod !== undefined && pods.length === 1) return pod;
    throw new Error(`${this.namespace}/${app} has ${pods.length} pods`);
  }

  /** Every Deployment has its new pods Ready, and the old ones are gone. */
  async rolledOut(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout', '150s']);
    }
    // A Deployment does not notice at once that a pod was taken from it.
    await waitUntil(`the pods in ${this.namespace} have settled`, async () => {
      const pods = await this.list(['pods', '-l', `app in (${names.join()})`]);
      return (
        pods.length >= names.length && pods.every((pod) => !isGoing(pod) && isTrue(pod, 'Ready'))
      );
    });
  }

  async evict(pod: string): Promise<void> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${pod}/eviction`;
    const metadata = { name: pod, namespace: this.namespace };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata };
    await this.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
  }

  /** The frontend's page, asked for in the cluster's network; status 0 where nobody answers. */
  async page(): Promise<Page> {
    const words = ['curl', '-s', '-m', '15', '-w', '\n%{http_code}', this.url];
    const { stdout } = await this.#cluster.inNetwork(words);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  }

  get url(): string {
    return `http://frontend.${this.namespace}.svc:3000/`;
  }

  async answers(): Promise<void> {
    const probe = async (): Promise<boolean> => (await this.page()).status === 200;
    await waitUntil(`the page of ${this.namespace}`, probe);
  }
}

function isGoing(pod: JsonObject): boolean {
  return objectAt(pod, 'metadata')['deletionTimestamp'] !== undefined;
}

export function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

/** A container's entry in the pod's status, native sidecars among them. */
export function statusOf(pod: JsonObject, container: string): JsonObject {
  const status = objectAt(pod, 'status');
  const all = [...listAt(status, 'initContainerStatuses'), ...listAt(status, 'containerStatuses')];
  return all.filter(isObject).find(({ name }) => name === container) ?? {};
}

export function isTrue(pod: JsonObject, condition: string): boolean {
  const conditions = listAt(objectAt(pod, 'status'), 'conditions').filter(isObject);
  return conditions.some(({ type, status }) => type === condition && status === 'True');
}

/** Kills the container's processes, as a crash does; on a node that is this machine. */
export function killContainer(pod: JsonObject, container: string): void {
  const id = (stringAt(statusOf(pod, container), 'containerID') ?? '').replace(/^.*\//, '');
  if (id === '') throw new Error(`${container} of ${nameOf(pod)} does not run`);
  const pids = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && cgroupsOf(name).includes(id),
  );
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
}

function cgroupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

export interface Page {
  readonly status: number;
  readonly body: string;
}

/** Unix milliseconds; 0 when it does not run. The kubelet's times have whole seconds. */
export function startOf(status: JsonObject): number {
  return timeOf(objectAt(objectAt(status, 'state'), 'running'), 'startedAt');
}

/** Unix milliseconds; 0 when it has not ended. */
export function endOf(status: JsonObject): number {
  return timeOf(objectAt(objectAt(status, 'state'), 'terminated'), 'finishedAt');
}

function timeOf(state: JsonObject, key: string): number {
  const text = stringAt(state, key);
  return text === undefined ? 0 : Date.parse(text);
}

export function restartsOf(pod: JsonObject, container: string): number {
  const count = statusOf(pod, container)['restartCount'];
  return typeof count === 'number' ? count : 0;
}
