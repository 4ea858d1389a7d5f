/** The values that templates can use, from the configuration, the annotations and the pod. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { parseSpiffeId, spiffeIdFault, trustDomainOf } from '#kernel/spiffe-id.ts';
import {
  healthPort,
  helperPort,
  settingsDirectory,
  settingsFile,
} from '../../sidecar/config/helper-contract.ts';
import { banVariables } from './ban-config.ts';
import type { Settings } from './read-annotations.ts';
import type { InjectorConfig } from './injector-config.ts';
import { annotationKey, type SettingKey } from './metadata-keys.ts';
import { nativeVariables } from './native-variables.ts';
import { audiencesOf, proxyPortsIn, proxyVariables, type ProxyPorts } from './proxy-variables.ts';
import { federationOf } from './federation.ts';
import type { Located } from './locate.ts';
import { amountOf } from './quantity.ts';
import { substituteText, type Variables } from '../templates/substitute.ts';

/** Kubernetes minor version from which containers may restart inside `initContainers` by default. */
const nativeSidecarMinor = 29;

export interface EngineFacts {
  readonly config: InjectorConfig;
  /** Minor version of the cluster, as in 1.36. */
  readonly kubernetesMinor: number;
}

/** @throws {AppError} ANNOTATION_INVALID where annotations contradict each other or the configuration */
export function variablesFor(located: Located, settings: Settings, facts: EngineFacts): Variables {
  const identity = identityOf(located, settings, facts.config);
  const ports = proxyPortsIn(settings);
  const tokens = tokenVariables(settings, { identity, ports }, facts.config);
  return {
    ...identity,
    ...tokens,
    federatesWith: federationOf(located.template, identity.spiffeId).trustDomains,
    ...nativeVariables(tokens),
    ...banVariables(settings, facts.config.bans),
    ...socketVariables(settings, facts.config),
    ...containerVariables(settings, facts),
    ...proxyVariables(settings, { identity, tokens, ...facts }),
  };
}

interface Identity extends Variables {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly trustDomain: string;
  readonly spiffeId: string;
}

function text(settings: Settings, key: SettingKey): string | undefined {
  return stringAt(settings, key);
}

function list(settings: Settings, key: SettingKey): readonly Json[] | undefined {
  const value = settings[key];
  return isArray(value) ? value : undefined;
}

/** Of a pod's spec: also by the field's old name. */
export function serviceAccountOf(spec: JsonObject): string {
  const names = [stringAt(spec, 'serviceAccountName'), stringAt(spec, 'serviceAccount')];
  return names.find((name) => name !== undefined && name !== '') ?? 'default';
}

function identityOf(located: Located, settings: Settings, config: InjectorConfig): Identity {
  const { namespace } = located;
  const serviceAccount = serviceAccountOf(objectAt(located.template, 'spec'));
  const trustDomain = text(settings, 'trust-domain') ?? config.trustDomain;
  const spiffeId =
    text(settings, 'spiffe-id') ??
    substituteText(config.spiffeId, { namespace, serviceAccount, trustDomain });
  const fault = spiffeIdFault(spiffeId);
  if (fault !== undefined) {
    throw new AppError(
      'CONFIG_INVALID',
      `the configuration's spiffeId gives "${spiffeId}" here, which is not a SPIFFE ID: ${fault}; change it, or set ${annotationKey('spiffe-id')}`,
      { facts: { key: annotationKey('spiffe-id') } },
    );
  }
  return { namespace, serviceAccount, trustDomain, spiffeId };
}

function tokenVariables(
  settings: Settings,
  { identity, ports }: { readonly identity: Identity; readonly ports: ProxyPorts },
  config: InjectorConfig,
): Variables {
  return {
    ...audienceVariables(settings, ports),
    authorization: text(settings, 'authorization') ?? config.authorization,
    requestedSpiffeId: text(settings, 'spiffe-id'),
    validateAudiences: list(settings, 'validate-audience') ??
      list(settings, 'audience') ?? [identity.spiffeId],
    allowCallers: list(settings, 'allow-callers') ?? [
      `spiffe://${trustDomainOf(parseSpiffeId(identity.spiffeId))}`,
    ],
    skipPaths: list(settings, 'skip-paths'),
    callerHeader: text(settings, 'caller-header'),
    callerMetadata: settings['caller-metadata'] === true ? true : undefined,
    // Settings leave out what the helper does by default.
    forwardToken: settings['forward-token'] === false ? false : undefined,
    ...listenerVariables(settings, ports),
    validateBefore: list(settings, 'validate-before'),
    // Without a value where they do not apply, so that they change no name.
    exemptsPaths: settings['skip-paths'] === undefined ? undefined : true,
    takesToken: settings['forward-token'] === false ? true : undefined,
    dataPath: text(settings, 'data-path') ?? config.dataPath,
  };
}

function audienceVariables(settings: Settings, ports: ProxyPorts): Variables {
  const assumed = audiencesOf(settings, ports);
  const byHost = settings['audience-by-host'] ?? assumed.byHost;
  return {
    injectAudience: injectAudience(settings) ?? assumed.audience,
    audienceByHost: byHost,
    oneAudience: byHost === undefined,
    audienceHostNames: isObject(byHost) ? Object.keys(byHost) : undefined,
  };
}

function listenerVariables(settings: Settings, { inbound, outbound }: ProxyPorts): Variables {
  return {
    injectListeners: list(settings, 'inject-listeners') ?? outbound,
    validateListeners: list(settings, 'validate-listeners') ?? inbound,
  };
}

/** A token is minted for one audience, so that one service cannot replay it at another. */
function injectAudience(settings: Settings): Json | undefined {
  const key: SettingKey =
    settings['inject-audience'] === undefined ? 'audience' : 'inject-audience';
  const audiences = list(settings, key) ?? [];
  return audiences.length > 1 ? audiences : audiences[0];
}

function socketVariables(settings: Settings, config: InjectorConfig): Variables {
  const { socket } = config;
  return {
    socket: text(settings, 'socket') ?? socket.kind,
    csiDriver: socket.csiDriver,
    socketHostPath: socket.hostPath,
    socketMountPath: socket.mountPath,
    socketFile: socket.file,
  };
}

function containerVariables(
  settings: Settings,
  { config, kubernetesMinor }: EngineFacts,
): Variables {
  const { helper } = config;
  const image = text(settings, 'image');
  if (image !== undefined && !helper.allowImageAnnotation) {
    throw new AppError(
      'ANNOTATION_INVALID',
      `annotation ${annotationKey('image')} is forbidden by the configuration (helper.allowImageAnnotation); remove it`,
      { facts: { key: annotationKey('image') } },
    );
  }
  return {
    image: image ?? helper.image,
    imagePullPolicy: helper.imagePullPolicy,
    imagePullSecrets:
      helper.imagePullSecrets.length === 0
        ? undefined
        : helper.imagePullSecrets.map((name) => ({ name })),
    runAsUser: helper.runAsUser ?? undefined,
    logLevel: text(settings, 'log-level') ?? helper.logLevel,
    nativeSidecar: isNative(
      text(settings, 'native-sidecar') ?? config.nativeSidecar,
      kubernetesMinor,
    ),
    helperPort,
    healthPort,
    settingsDirectory,
    settingsPath: `${settingsDirectory}/${settingsFile}`,
    // Known once the rules are: see compose.
    helperConfigMap: undefined,
    envoyConfigMap: undefined,
    ...resourceVariables(settings, config),
  };
}

function isNative(choice: string, kubernetesMinor: number): boolean {
  return choice === 'true' || (choice === 'auto' && kubernetesMinor >= nativeSidecarMinor);
}

/** @throws {AppError} ANNOTATION_INVALID for a request over its limit, which the API server would refuse later, on the pod */
function resourceVariables(settings: Settings, { helper }: InjectorConfig): Variables {
  const cpuRequest = text(settings, 'cpu-request') ?? helper.cpuRequest;
  const cpuLimit = text(settings, 'cpu-limit') ?? helper.cpuLimit;
  const memoryRequest = text(settings, 'memory-request') ?? helper.memoryRequest;
  const memoryLimit = text(settings, 'memory-limit') ?? helper.memoryLimit;
  refuseOverLimit('cpu', cpuRequest, cpuLimit);
  refuseOverLimit('memory', memoryRequest, memoryLimit);
  return { cpuRequest, cpuLimit, memoryRequest, memoryLimit };
}

function refuseOverLimit(resource: 'cpu' | 'memory', request: string, limit: string): void {
  if (amountOf(request) <= amountOf(limit)) return;
  throw new AppError(
    'ANNOTATION_INVALID',
    `the helper's ${resource} request of ${request} is over its limit of ${limit}; set ${annotationKey(`${resource}-request`)} or ${annotationKey(`${resource}-limit`)}`,
    { facts: { key: annotationKey(`${resource}-request`) } },
  );
}
