/** The values of the Helm chart. `config` is the injector's configuration itself, so both are checked by one definition. */
import * as z from 'zod';
import { configSchema } from '../webhook/request/injector-config.ts';

const quantity = z.union([z.string().min(1), z.int().min(0)]);
const quantities = z.strictObject({
  cpu: quantity.optional(),
  memory: quantity.optional(),
  'ephemeral-storage': quantity.optional(),
});
const labels = z.record(z.string(), z.string());

const image = z.strictObject({
  repository: z.string().min(1).default('svidecar/webhook'),
  /** Empty means: the chart's appVersion. */
  tag: z.string().default(''),
  /** `sha256:…`; wins over the tag. */
  digest: z
    .string()
    .regex(/^(sha256:[0-9a-f]{64})?$/)
    .default(''),
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
});

const certificates = z.strictObject({
  source: z.enum(['self-signed', 'cert-manager', 'spiffe', 'secret']).default('self-signed'),
  /** `secret`: of type kubernetes.io/tls, in the release's namespace. */
  secretName: z.string().min(1).default('svidecar-tls'),
  /** `secret`: PEM of the authority that signed it. */
  caBundle: z.string().default(''),
  /** `cert-manager`: who signs; empty means a self-signed authority that the chart makes. */
  issuerRef: z
    .strictObject({
      name: z.string().min(1),
      kind: z.enum(['Issuer', 'ClusterIssuer']).default('Issuer'),
      group: z.string().min(1).default('cert-manager.io'),
    })
    .optional(),
});

const resources = z.strictObject({
  requests: quantities.default({ cpu: '50m', memory: '160Mi' }),
  limits: quantities.default({ cpu: '1', memory: '384Mi' }),
});

export const chartValues = z.strictObject({
  /** Of several releases in a cluster; empty: the one that is the default from the beginning. */
  revision: z
    .string()
    .max(40)
    .regex(/^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/)
    .default(''),
  config: configSchema.prefault({}),
  failurePolicy: z.enum(['Ignore', 'Fail']).default('Ignore'),
  guard: z.strictObject({ enabled: z.boolean().default(true) }).prefault({}),
  certificates: certificates.prefault({}),
  replicas: z.int().min(1).max(100).default(2),
  image: image.prefault({}),
  imagePullSecrets: z.array(z.strictObject({ name: z.string().min(1) })).default([]),
  /** Arguments after ours, such as `--log-level=debug`. */
  extraArgs: z.array(z.string()).default([]),
  resources: resources.prefault({}),
  /** What happens where replicas cannot be spread over the nodes. */
  spread: z.enum(['ScheduleAnyway', 'DoNotSchedule']).default('ScheduleAnyway'),
  priorityClassName: z.string().default(''),
  nodeSelector: labels.default({}),
  // Kubernetes' own shapes: the API server checks them.
  tolerations: z.array(z.looseObject({})).default([]),
  affinity: z.looseObject({}).default({}),
  podLabels: labels.default({}),
  podAnnotations: labels.default({}),
  networkPolicy: z.strictObject({ enabled: z.boolean().default(false) }).prefault({}),
  serviceMonitor: z.strictObject({ enabled: z.boolean().default(false) }).prefault({}),
  /** What Helm hands down to a chart that is part of another one. */
  global: z.looseObject({}).optional(),
});

/** JSON Schema of `values.yaml` as people write it: everything may be left out. */
export function valuesSchema(): unknown {
  return z.toJSONSchema(chartValues, { io: 'input', target: 'draft-7' });
}
