/** The demo's manifests in another namespace, as often as a test needs them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './cluster.ts';

export interface DemoOptions {
  readonly namespace: string;
  /** Labels of the namespace beside those of Pod Security, as YAML lines without indentation. */
  readonly labels: readonly string[];
  /** Pods a Deployment; 1 as written. */
  readonly replicas?: number;
  /** Pod Security of the namespace, and how the Workload API's socket comes into the pods. */
  readonly socket?: 'csi' | 'hostPath';
}

const workloads = ['backend', 'frontend'];

/** Namespace, registration of its Envoys, and both workloads, annotated as the demo has them; as one YAML stream. */
export function demoIn({ namespace, labels, replicas = 1, socket = 'csi' }: DemoOptions): string {
  const level = socket === 'csi' ? 'restricted' : 'privileged';
  const security = `pod-security.kubernetes.io/enforce: ${level}`;
  const lines = [security, ...labels].map((line) => `    ${line}\n`).join('');
  const head = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${namespace}\n  labels:\n${lines}`;
  const registration = readManifest('tutorial/registration/envoy.yaml')
    .replace('name: demo-envoy', `name: ${namespace}-envoy`)
    .replace('metadata.name: demo', `metadata.name: ${namespace}`);
  const written = workloads.map((name) =>
    readManifest(`demo/${name}.yaml`)
      .replaceAll('namespace: demo', `namespace: ${namespace}`)
      .replaceAll('/ns/demo/', `/ns/${namespace}/`)
      .replace(
        '  selector:\n    matchLabels:',
        `  replicas: ${replicas}\n  selector:\n    matchLabels:`,
      ),
  );
  const all = [head, registration, ...written].join('---\n');
  if (socket === 'csi') return all;
  return all
    .replaceAll(csiVolume, hostPathVolume)
    .replaceAll(
      /^( *)inject\.svidecar\.dev\/templates: .*$/gm,
      '$&\n$1svidecar.dev/socket: hostPath',
    );
}

const csiVolume = `          csi:
            driver: csi.spiffe.io
            readOnly: true
`;
const hostPathVolume = `          hostPath:
            path: /run/spire/agent-sockets
            type: Directory
`;

function readManifest(path: string): string {
  return readFileSync(join(repository, 'manifests', path), 'utf8');
}
