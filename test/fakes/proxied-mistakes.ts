/** Workloads with an Envoy that a template brings, as users get them wrong. */
import type { JsonObject } from '#kernel/json.ts';
import type { Objects } from './check-facts.ts';
import type { Row } from './workload-parts.ts';
import { deployment } from './workloads.ts';

/** A pod with an Envoy of ours, and a Service of it. */
export function proxied(
  port: JsonObject,
  selector: JsonObject = { app: 'frontend' },
  more: JsonObject = {},
): Objects {
  const asked = { 'inject.svidecar.dev/templates': 'envoy', 'svidecar.dev/inbound': '8443=8080' };
  const ports = [{ name: 'web', containerPort: 8080 }];
  const workload = deployment(asked, {
    containers: [{ name: 'app', image: 'app:1', ports }],
    ...more,
  });
  const spec = workload['spec'] as JsonObject;
  const template = spec['template'] as JsonObject;
  const metadata = { ...(template['metadata'] as JsonObject), labels: { app: 'frontend' } };
  return {
    workloads: [{ ...workload, spec: { ...spec, template: { ...template, metadata } } }],
    podServices: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'frontend', namespace: 'shop' },
        spec: { selector, ports: [{ port: 80, ...port }] },
      },
    ],
  };
}

export const proxiedRows: readonly Row[] = [
  [
    'injection_possible',
    'an Envoy without time to send callers elsewhere',
    proxied({ targetPort: 8443 }, {}, { terminationGracePeriodSeconds: 5 }),
    'warning',
    'terminationGracePeriodSeconds is 5',
  ],
  [
    'service_target',
    'a Service that leads to the app by number',
    proxied({ targetPort: 8080 }),
    'error',
    "Service frontend leads to the app's port 8080, past Envoy; set its targetPort to 8443",
  ],
  [
    'service_target',
    'a Service that leads to the app by name',
    proxied({ targetPort: 'web' }),
    'error',
    "leads to the app's port 8080, past Envoy",
  ],
];
