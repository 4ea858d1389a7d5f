/**
 * The injector's configuration: one YAML document, unknown keys refused.
 * Every annotation's default comes from here.
 */
import * as z from 'zod';
import { logLevels } from '#kernel/observe.ts';
import { trustDomainFault } from '#kernel/spiffe-id.ts';
import { checkShape } from '../../sidecar/config/check-shape.ts';
import { dnsLabel } from '#kernel/dns-label.ts';
import { settingsDirectory } from '../../sidecar/config/helper-contract.ts';
import { bansSchema } from './ban-config.ts';
import { callerSchema } from './caller-schema.ts';
import { contradictions } from './config-contradictions.ts';
import { objectMarks } from './object-marks.ts';
import { federationSchema } from './federation-config.ts';
import { entriesSchema, registrationSchema, spireSchema } from './registration-config.ts';
import { cpuForms, cpuPattern, memoryForms, memoryPattern } from './quantity.ts';
import { templateSchema } from '../templates/template-schema.ts';
import { readUsualShape } from '../templates/read-usual-shape.ts';

const cpu = z.string().regex(cpuPattern, `must be ${cpuForms}`);
const memory = z.string().regex(memoryPattern, `must be ${memoryForms}`);
const absolutePath = z
  .string()
  .regex(/^\/([^/]+\/)*[^/]+$/, 'must be an absolute path without a trailing slash')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ..');
/** Nothing else can be mounted where the helper's own files are. */
const mountPath = absolutePath
  .refine((path) => !path.includes(':'), 'must not contain a colon')
  .refine(
    (path) =>
      !`${path}/`.startsWith(`${settingsDirectory}/`) && !settingsDirectory.startsWith(`${path}/`),
    `must not overlap ${settingsDirectory}, where the helper's settings are`,
  );
/** @see Kubernetes CSIDriver: at most 63 characters, a DNS subdomain */
const csiDriver = z
  .string()
  .max(63)
  .regex(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    'must be the name of a CSI driver such as csi.spiffe.io',
  );
const fileName = z.string().regex(/^[^/:]{1,100}$/, 'must be the name of a file, without slashes');

const socket = z.strictObject({
  /** How the Workload API reaches the pod where no annotation sets it. */
  kind: z.enum(['csi', 'hostPath']).default('csi'),
  csiDriver: csiDriver.default('csi.spiffe.io'),
  /** Directory on the node that holds the agent's socket. */
  hostPath: absolutePath.default('/run/spire/agent-sockets'),
  /** Where the directory is mounted in containers, and the socket's name in it. */
  mountPath: mountPath.default('/spiffe-workload-api'),
  file: fileName.default('spire-agent.sock'),
});

const helper = z.strictObject({
  image: z.string().min(1).default('svidecar/helper:0.2.0'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  /** Whether `svidecar.dev/image` may replace the image. */
  allowImageAnnotation: z.boolean().default(false),
  /** Null where the platform assigns UIDs (OpenShift). */
  runAsUser: z.int().min(1).nullable().default(65_532),
  logLevel: z.enum(logLevels).default('info'),
  cpuRequest: cpu.default('10m'),
  cpuLimit: cpu.default('500m'),
  memoryRequest: memory.default('64Mi'),
  memoryLimit: memory.default('128Mi'),
  imagePullSecrets: z.array(z.string().min(1)).default([]),
});

/** The Envoy that the template `envoy` brings. */
const envoy = z.strictObject({
  image: z.string().min(1).default('envoyproxy/envoy:v1.40.0'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  runAsUser: z.int().min(1).nullable().default(65_532),
  accessLog: z.boolean().default(true),
  /** `0.0.0.0` on nodes whose kernel has no IPv6. */
  listenAddress: z.enum(['::', '0.0.0.0']).default('::'),
  /** Worker threads; of itself Envoy starts one for each core of the node. */
  concurrency: z.int().min(1).max(64).default(2),
  // Of bench:envoy: 100 requests a second, and 5,000; 1,000 requests a second, and as many connections as it takes.
  cpuRequest: cpu.default('20m'),
  cpuLimit: cpu.default('1'),
  memoryRequest: memory.default('32Mi'),
  memoryLimit: memory.default('256Mi'),
});

const configKeys = z.strictObject({
  trustDomain: z
    .string()
    .refine((name) => trustDomainFault(name) === undefined, 'is not a trust domain name')
    .default('example.org'),
  /** `${trustDomain}`, `${namespace}` and `${serviceAccount}` stand for the workload's own. */
  spiffeId: z
    .string()
    .startsWith('spiffe://')
    .default('spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}'),
  socket: socket.prefault({}),
  helper: helper.prefault({}),
  envoy: envoy.prefault({}),
  authorization: z.enum(['deny', 'overwrite', 'keep']).default('deny'),
  nativeSidecar: z.enum(['auto', 'true', 'false']).default('auto'),
  dataPath: z.enum(['ext-authz', 'native']).default('ext-authz'),
  /** For the template `jwt-ban`. */
  bans: bansSchema.prefault({}),
  /** Who may request reviews; absent: anybody who reaches the port. */
  apiServerClient: callerSchema.optional(),
  /** For the ConfigMaps that svidecar makes, where a policy of the cluster demands some. */
  configMaps: objectMarks.prefault({}),
  /** Who makes the registrations of workloads in SPIRE. */
  registration: registrationSchema,
  /** What our entries contain. */
  entries: entriesSchema.prefault({}),
  /** Where SPIRE's server is; only used where we talk to it. */
  spire: spireSchema.prefault({}),
  /** Trust domains whose keys SPIRE's server is told to fetch. */
  federation: federationSchema,
  /** Never touched, whatever their labels say; svidecar's own namespace is added by the program. */
  ignoredNamespaces: z
    .array(z.string().min(1))
    .default(['kube-system', 'kube-public', 'kube-node-lease']),
  /** Templates of your own by name; a built-in name is replaced. */
  templates: z.record(z.string().regex(dnsLabel), templateSchema).default({}),
});

export const configSchema = configKeys.superRefine((config, context) => {
  for (const { path, message } of contradictions(config))
    context.addIssue({ code: 'custom', path: [...path], message });
});

export type InjectorConfig = Readonly<z.infer<typeof configSchema>>;

/** An empty text is a valid configuration. */
const orDefaults = z.preprocess((value) => value ?? {}, configSchema);
const shape = { schema: configSchema, code: 'CONFIG_INVALID' } as const;

/** @param value null or undefined means: all defaults. @throws {AppError} CONFIG_INVALID, naming every wrong key. */
export function checkConfig(value: unknown, where: string): InjectorConfig {
  return Object.freeze(checkShape(value ?? {}, shape, where));
}

/** @throws {AppError} CONFIG_INVALID with line and column, or with every wrong key. */
export function readConfig(text: string, where: string): InjectorConfig {
  return Object.freeze(readUsualShape(text, { ...shape, schema: orDefaults }, where));
}
