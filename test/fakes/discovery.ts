/** Envoy's side of secret discovery, by generated code: messages for our server, and what its answers mean. */
import type { SecretState, Secrets } from '../../sidecar/sds/secrets.ts';
import { versionOf } from '../../sidecar/sds/secret-version.ts';
import { secretTypeUrl } from '../../sidecar/sds/write-response.ts';
import { Secret } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../gen/envoy/service/discovery/v3/discovery.ts';
import type { Any } from '../gen/google/protobuf/any.ts';

/** Secrets that a test sets by hand. */
export class FakeSecrets implements Secrets {
  readonly states = new Map<string, SecretState>();
  readonly #listeners = new Set<() => void>();

  find(name: string): SecretState {
    return this.states.get(name) ?? { kind: 'unknown' };
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  get listening(): number {
    return this.#listeners.size;
  }

  /** @returns the version. */
  hold(name: string, token: string, expiresAtS: number): string {
    const value = `Bearer ${token}`;
    const version = versionOf(expiresAtS, value);
    this.put(name, { kind: 'held', value, version });
    return version;
  }
  put(name: string, state: SecretState): void {
    this.states.set(name, state);
    for (const listener of this.#listeners) listener();
  }
}

const refusal = { code: 13, message: 'inline_string: "Bearer a secret"', details: [] };

/** A DiscoveryRequest as Envoy sends it. */
export function stateRequest(parts: {
  readonly names: readonly string[];
  readonly version?: string;
  readonly nonce?: string;
  readonly isRefusal?: boolean;
  readonly typeUrl?: string;
}): Buffer {
  const request = DiscoveryRequest.encode({
    versionInfo: parts.version ?? '',
    node: undefined,
    resourceNames: parts.names,
    typeUrl: parts.typeUrl ?? secretTypeUrl,
    responseNonce: parts.nonce ?? '',
    errorDetail: parts.isRefusal === true ? refusal : undefined,
  });
  return Buffer.from(request.finish());
}

/** A DeltaDiscoveryRequest as Envoy sends it. */
export function deltaRequest(parts: {
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly versions?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly isRefusal?: boolean;
}): Buffer {
  const request = DeltaDiscoveryRequest.encode({
    node: undefined,
    typeUrl: secretTypeUrl,
    resourceNamesSubscribe: parts.subscribe ?? [],
    resourceNamesUnsubscribe: parts.unsubscribe ?? [],
    initialResourceVersions: parts.versions ?? {},
    responseNonce: parts.nonce ?? '',
    errorDetail: parts.isRefusal === true ? refusal : undefined,
  });
  return Buffer.from(request.finish());
}

export interface Told {
  readonly nonce: string;
  readonly version: string;
  /** Values by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Versions by name; state of the world has none. */
  readonly versions: Readonly<Record<string, string>>;
}

export function readStateResponse(message: Buffer): Told {
  const { nonce, versionInfo, resources, typeUrl } = DiscoveryResponse.decode(message);
  const secrets = Object.fromEntries(resources.map(secretOf));
  return checked({ nonce, version: versionInfo, secrets, versions: {} }, typeUrl);
}

export function readDeltaResponse(message: Buffer): Told {
  const { nonce, systemVersionInfo, resources, typeUrl } = DeltaDiscoveryResponse.decode(message);
  const secrets = resources.flatMap(({ resource }) =>
    resource === undefined ? [] : [secretOf(resource)],
  );
  const versions = Object.fromEntries(resources.map(({ name, version }) => [name, version]));
  const told = { nonce, version: systemVersionInfo, versions };
  return checked({ ...told, secrets: Object.fromEntries(secrets) }, typeUrl);
}

function secretOf({ typeUrl, value }: Any): [string, string] {
  const { name, type } = Secret.decode(value);
  const specifier = type?.value.secret?.specifier;
  if (typeUrl !== secretTypeUrl || specifier?.$case !== 'inlineString')
    throw new TypeError('a resource is no generic secret with an inline string');
  return [name, specifier.value];
}

function checked(told: Told, typeUrl: string): Told {
  if (typeUrl !== secretTypeUrl) throw new TypeError(`a response of type ${typeUrl}`);
  return told;
}
