/**
 * An Envoy configuration that stands in a file of its own, off Kubernetes: what templates want in it, and the settings of the
 * helper beside it. The engine's answer is that for a pod whose Envoy reads this file, so there is no second opinion.
 */
import { parse } from 'yaml';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { healthPort, helperPort } from '../../sidecar/config/helper-contract.ts';
import {
  checkSettings,
  renderSettings,
  type HelperSettingsInput,
} from '../../sidecar/config/settings.ts';
import { parseVersion } from '../envoy/envoy-version.ts';
import type { EnvoyAdditions } from '../envoy/patch-contract.ts';
import { patchEnvoy } from '../envoy/patch-envoy.ts';
import { locate, type Located } from '../request/locate.ts';
import { templatesKey } from '../request/metadata-keys.ts';
import { readRequest, type Request } from '../request/read-annotations.ts';
import { additionsOf } from './envoy-plan.ts';
import { inject, type Engine } from './inject.ts';
import type { EnvoyPlan } from './status.ts';
import { Trace, type TraceStep } from './trace.ts';

export interface BareFile {
  /** Its path: Envoy goes by the end of it. */
  readonly path: string;
  readonly text: string;
  /** As a pod template would carry them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the Envoy that reads it, such as `1.40.0`; absent: unknown. */
  readonly envoyVersion?: string | undefined;
  /** Path of the Unix socket by which Envoy reaches the helper; absent: the port on loopback. */
  readonly helperSocket?: string | undefined;
  /** TCP port on loopback of the helper's health and metrics (default: that of pods). */
  readonly healthPort?: number | undefined;
}

export interface InjectedFile {
  /** The file with our additions, and every other byte as it was. */
  readonly text: string;
  /** The file of the helper's settings; undefined where the templates need no helper. */
  readonly helper: string | undefined;
  readonly steps: readonly TraceStep[];
}

/** Steps that tell of a pod, which is not there. */
const aboutPods: ReadonlySet<TraceStep['id']> = new Set<TraceStep['id']>([
  'envoy_container_found',
  'helper_added',
  'native_sidecar',
  'socket_added',
]);

/** @throws {AppError} with the code of whatever is wrong with the annotations or the file */
export function injectFile(file: BareFile, engine: Engine): InjectedFile {
  const trace = new Trace();
  const { located, request } = askedOf(file);
  const context = { engine, trace, keysOf: () => [nameIn(file.path)] };
  const { status } = inject(located, { ...request, previous: undefined }, context);
  const text = status.envoy === undefined ? file.text : patched(file, status.envoy, context);
  return {
    text,
    helper:
      status.helper === undefined ? undefined : settingsOffCluster(status.helper.settings, file),
    steps: trace.steps.filter(({ id }) => !aboutPods.has(id)),
  };
}

function askedOf(file: BareFile): {
  readonly located: Located;
  readonly request: Extract<Request, { kind: 'templates' }>;
} {
  const located = locate(podAround(file), 'default');
  const request = located === undefined ? undefined : readRequest(located.template);
  if (located !== undefined && request?.kind === 'templates') return { located, request };
  throw new AppError(
    'USAGE',
    `nothing is asked for: say what with --annotation, such as ${templatesKey}=jwt-validate`,
  );
}

function patched(
  { path, text, envoyVersion, helperSocket }: BareFile,
  plan: EnvoyPlan,
  { engine, trace }: { readonly engine: Engine; readonly trace: Trace },
): string {
  const main = nameIn(path);
  const version = parseVersion(envoyVersion ?? '');
  const source = { name: 'file', files: { [main]: text }, main, ...(version && { version }) };
  const additions = additionsOf(plan, engine.library);
  const patch = patchEnvoy(source, bySocket(additions, helperSocket));
  for (const { message } of patch.changes) trace.say('envoy_config_patched', message);
  for (const { id, message } of patch.warnings)
    trace.warn(id === 'port_clash' ? id : 'envoy_warning', message);
  return own(patch.files, main) ?? text;
}

/** Clusters of the helper lead to its socket instead of its port. */
function bySocket(additions: EnvoyAdditions, path: string | undefined): EnvoyAdditions {
  if (path === undefined) return additions;
  const clusters = additions.clusters.map((addition) => ({
    ...addition,
    cluster: withPipe(addition.cluster, path),
  }));
  return { ...additions, clusters, takenPorts: [] };
}

function withPipe(object: JsonObject, path: string): JsonObject {
  const change = (value: Json): Json => {
    if (isArray(value)) return value.map(change);
    return isObject(value) ? withPipe(value, path) : value;
  };
  const members = Object.entries(object).flatMap(([key, value]): [string, Json][] => {
    if (value === undefined) return [];
    const isHelpers =
      key === 'socket_address' && isObject(value) && value['port_value'] === helperPort;
    return [isHelpers ? ['pipe', { path }] : [key, change(value)]];
  });
  return Object.fromEntries(members);
}

/** Outside a pod nobody asks for health from another address, and other programs may have the ports. */
function settingsOffCluster(settings: string, file: BareFile): string {
  const written: unknown = parse(settings);
  const input = {
    ...(isObject(written) ? written : {}),
    ...(file.helperSocket === undefined ? {} : { listen: { socket: file.helperSocket } }),
    health: { host: '127.0.0.1', port: file.healthPort ?? healthPort },
  };
  checkSettings(input, 'the settings of the helper');
  // Checked on the line above; written as in the templates, without the schema's defaults.
  return renderSettings(input as unknown as HelperSettingsInput);
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A pod whose Envoy reads the file: all that the engine needs to answer. */
function podAround({ path, annotations, envoyVersion }: BareFile): JsonObject {
  const main = nameIn(path);
  const tag = envoyVersion === undefined ? '' : `:v${envoyVersion}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'envoy', annotations },
    spec: {
      containers: [
        {
          name: 'envoy',
          image: `envoy${tag}`,
          args: ['-c', `/etc/envoy/${main}`],
          volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy' }],
        },
      ],
      volumes: [{ name: 'envoy', configMap: { name: 'envoy' } }],
    },
  };
}
