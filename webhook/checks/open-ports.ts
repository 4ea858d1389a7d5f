/** Ports of a pod that are called without a token. */
import { steps, toldOnce } from './annotations.ts';
import type { Check } from './check-contract.ts';

export const probes: Check = {
  id: 'probes',
  category: 'workloads',
  claim: 'no probe and no scrape asks a listener that demands a token or a certificate',
  why: 'The kubelet and Prometheus have neither: the pod does not become ready, is restarted, or has no metrics.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      (['probe_without_certificate', 'probe_without_token'] as const).flatMap((id) =>
        steps(assessed, {
          id,
          severity: 'warning',
          hint: 'change the annotation that the message names, or the probe',
        }),
      ),
    ),
};

export const appPort: Check = {
  id: 'app_port',
  category: 'workloads',
  claim: "no app behind a validating Envoy shows a port of its own on the pod's address",
  why: 'Envoy checks what goes through it; whoever reaches the app itself needs no token.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      steps(assessed, {
        id: 'app_port_open',
        severity: 'warning',
        hint: "have the app listen on 127.0.0.1, or let a NetworkPolicy open Envoy's ports alone",
      }),
    ),
};
