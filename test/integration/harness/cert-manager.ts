/** Real cert-manager, its controllers for self-signed and CA issuers and its cainjector, with its own CRDs. */
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';
import { startProcess } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

/** Certificates, issuers and what it makes of them. */
const certManagerCrds = join(programPath('cert-manager-files'), 'deploy/crds');

export interface CertManager {
  /** Asks for a new certificate now, as `cmctl renew` does. */
  renew(namespace: string, certificate: string): Promise<void>;
  stop(): Promise<void>;
}

/** With all rights: which its own ServiceAccount needs is its chart's affair. */
export async function startCertManager(api: ApiServer): Promise<CertManager> {
  const made = await api.kubectl(['create', '-f', certManagerCrds]);
  if (made.code !== 0) throw new Error(`CustomResourceDefinitions: ${made.stderr}`);
  const established = ['wait', '--for=condition=Established', '--timeout=30s'];
  await api.kubectl([...established, '-f', certManagerCrds]);
  // Of ClusterIssuers.
  await api.createNamespace('cert-manager');
  const work = await createWorkFolder('cert-manager');
  const running = startProcess({
    name: 'cert-manager',
    command: programPath('cert-manager'),
    args: ['--kubeconfig', api.kubeconfig],
    folder: work.path,
  });
  return {
    renew: (namespace, certificate) => renew(api, namespace, certificate),
    stop: async () => {
      await running.stop(0);
      await work.remove();
    },
  };
}

async function renew(api: ApiServer, namespace: string, name: string): Promise<void> {
  const condition = {
    type: 'Issuing',
    status: 'True',
    reason: 'ManuallyTriggered',
    message: 'asked for by a test',
    lastTransitionTime: new Date().toISOString(),
  };
  const patch = JSON.stringify({ status: { conditions: [condition] } });
  const { code, stderr } = await api.kubectl([
    'patch',
    'certificates.cert-manager.io',
    name,
    `--namespace=${namespace}`,
    '--type=merge',
    '--subresource=status',
    `--patch=${patch}`,
  ]);
  if (code !== 0) throw new Error(`renewal of Certificate ${namespace}/${name}: ${stderr}`);
}
