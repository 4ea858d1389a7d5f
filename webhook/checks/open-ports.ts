/** Ports of a pod that are asked without a token. */
import { steps, toldOnce } from './annotations.ts';
import type { Check } from './check-contract.ts';

export const probes: Check = {
  id: 'probes',
  category: 'workloads',
  claim: 'no probe or scrape goes to a listener that requires a token',
  why: 'The kubelet and Prometheus have no token: the pod does not become ready, is restarted, or has no metrics.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      steps(assessed, {
        id: 'probe_without_token',
        severity: 'warning',
        hint: 'change the annotation that the message names, or the probe',
      }),
    ),
};

export const appPort: Check = {
  id: 'app_port',
  category: 'workloads',
  claim: "no app behind a validating Envoy can be reached at the pod's address directly",
  why: 'Envoy checks only what goes through it; whoever reaches the app directly needs no token.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      steps(assessed, {
        id: 'app_port_open',
        severity: 'warning',
        hint: "have the app listen on 127.0.0.1, or allow only Envoy's ports in a NetworkPolicy",
      }),
    ),
};
