/** Kubeconfigs of one cluster and one user. What tests of kubeconfigs themselves need is written there. */

interface Caller {
  readonly user: string;
  readonly credentials: object;
}

const nobody: Caller = { user: 'u', credentials: {} };

/** @param cluster as in a kubeconfig: `server`, and how it is trusted */
export function kubeconfigOf(
  cluster: { readonly server: string; readonly [trust: string]: unknown },
  { user, credentials }: Caller = nobody,
): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    'current-context': 'test',
  });
}

/** Of a server whose certificate does not matter, for a user without credentials. */
export function openKubeconfig(server: string): string {
  return kubeconfigOf({ server, 'insecure-skip-tls-verify': true });
}
