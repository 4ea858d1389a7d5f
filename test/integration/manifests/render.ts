/** Manifests as kubectl and helm render them, and what a real API server says to them. */
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { ApiServer } from '../harness/api-server.ts';
import { kubernetesVersion, programPath } from '../harness/components.ts';
import { istioCrds } from '../harness/istio-crds.ts';
import { runCommand, waitUntil, type CommandResult } from '../harness/processes.ts';
import { createWorkFolder, type WorkFolder } from '../harness/work-folder.ts';

export const chart = 'manifests/helm/svidecar';

/** @throws {Error} with what kubectl says. */
export async function kustomize(folder: string): Promise<string> {
  const { code, stdout, stderr } = await runCommand(programPath('kubectl'), ['kustomize', folder]);
  if (code !== 0) throw new Error(`kubectl kustomize ${folder}: ${stderr}`);
  return stdout;
}

/** A folder with a kustomization of a base and a component. Remove it after use. */
export async function overlayOf(base: string, component: string): Promise<WorkFolder> {
  const work = await createWorkFolder('overlay');
  const kustomization = {
    resources: [relative(work.path, join(process.cwd(), base))],
    components: [relative(work.path, join(process.cwd(), component))],
  };
  await writeFile(join(work.path, 'kustomization.yaml'), JSON.stringify(kustomization));
  return work;
}

/** What holds the real definitions of kinds of others that our manifests name. */
export const crdComponents = ['cert-manager-files', 'prometheus-files', 'istio-files'] as const;

/** Those definitions, as a YAML stream. */
export function crdsOfOthers(): string {
  const operator = 'example/prometheus-operator-crd/monitoring.coreos.com';
  const files = [
    ...['certificates', 'issuers'].map((kind) =>
      join(programPath('cert-manager-files'), `deploy/crds/cert-manager.io_${kind}.yaml`),
    ),
    ...['servicemonitors', 'prometheusrules'].map((kind) =>
      join(programPath('prometheus-files'), `${operator}_${kind}.yaml`),
    ),
  ];
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  return [...texts, istioCrds(['peerauthentications.security.istio.io'])].join('\n---\n');
}

/** Runs helm, by default against no cluster at all. */
export function helm(args: readonly string[], kubeconfig = '/dev/null'): Promise<CommandResult> {
  return runCommand(programPath('helm'), ['--kubeconfig', kubeconfig, ...args]);
}

/** `helm template` of our chart, as its users' helm does it: for a Kubernetes that the chart allows. */
export function helmTemplate(...args: readonly string[]): Promise<CommandResult> {
  const version = ['--kube-version', kubernetesVersion];
  return helm(['template', 'svidecar', chart, '--namespace', 'svidecar', ...version, ...args]);
}

/** The objects of a YAML stream. */
export function objectsIn(text: string): readonly JsonObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter(isObject);
}

export function kindOf(object: JsonObject): string {
  return stringAt(object, 'kind') ?? '';
}

export function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

/** `Kind name` */
export function idOf(object: JsonObject): string {
  return `${kindOf(object)} ${nameOf(object)}`;
}

/** Server-side validation to the last field; nothing is stored. */
export function dryRun(api: ApiServer, text: string): Promise<CommandResult> {
  const flags = ['--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict'];
  return api.kubectl(['apply', ...flags, '-f', '-'], { input: text });
}

/** Stores the definitions and namespaces among the objects, which others of them need in order to be checked. */
export async function makeWhatOthersNeed(api: ApiServer, text: string): Promise<void> {
  const needed = objectsIn(text).filter((object) =>
    ['Namespace', 'CustomResourceDefinition'].includes(kindOf(object)),
  );
  if (needed.length === 0) return;
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: needed });
  const { code, stderr } = await api.kubectl(
    ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    { input },
  );
  if (code !== 0) throw new Error(stderr);
  for (const definition of needed.filter(({ kind }) => kind === 'CustomResourceDefinition')) {
    const name = nameOf(definition);
    const args = ['wait', '--for=condition=Established', `crd/${name}`, '--timeout=30s'];
    await waitUntil(`${name} is served`, async () => (await api.kubectl(args)).code === 0);
  }
}

export interface Kustomization {
  readonly folder: string;
  readonly isComponent: boolean;
}

/** Every kustomization under a folder. */
export function kustomizationsUnder(folder: string): readonly Kustomization[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('kustomization.yaml'))
    .map((path) => {
      const file = join(folder, path);
      const content: unknown = parse(readFileSync(file, 'utf8'));
      return {
        folder: dirname(file),
        isComponent: isObject(content) && content['kind'] === 'Component',
      };
    });
}
