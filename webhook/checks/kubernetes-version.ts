/** What the API server must be able to do. */
import { found, type Check } from './check-contract.ts';

/** Before it, matchConditions are off by default, and the API server drops them. */
const conditionsMinor = 28;
/** From it on, everything that svidecar uses is stable: matchConditions and ValidatingAdmissionPolicy. */
const stableMinor = 30;
/** From it on, native sidecars are on by default. */
const sidecarMinor = 29;

export const kubernetesVersion: Check = {
  id: 'kubernetes_version',
  category: 'cluster',
  claim: 'the API server knows what svidecar uses',
  why: 'Without matchConditions every pod of a labelled namespace depends on the webhook, asked for or not.',
  offline: false,
  reads: [],
  run: ({ facts: { serverVersion } }) => {
    if (serverVersion.kind !== 'known') return { findings: [], unread: [serverVersion.reason] };
    const { major, minor } = serverVersion.value;
    if (major > 1 || minor >= stableMinor) return found([]);
    const sidecars = minor < sidecarMinor ? ', and no native sidecars' : '';
    return found([
      {
        severity: minor < conditionsMinor ? 'error' : 'warning',
        where: undefined,
        message:
          minor < conditionsMinor
            ? `Kubernetes ${major}.${minor} has no matchConditions${sidecars}`
            : `Kubernetes ${major}.${minor} has no stable ValidatingAdmissionPolicy, so no guard${sidecars}`,
        hint: `upgrade to 1.${stableMinor} or newer`,
      },
    ]);
  },
};
