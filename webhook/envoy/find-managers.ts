/** Where the HTTP connection managers of a configuration stand. */
import type { JsonObject } from '#kernel/json.ts';
import { type ConfigFile, type ConfigFiles, invalid } from './config-file.ts';
import {
  type Placed,
  fieldKey,
  placedField,
  repeatedOf,
  textOf,
  typeNameOf,
} from './proto-field.ts';

export interface Listener extends Placed {
  readonly file: ConfigFile;
  readonly name: string | undefined;
  /** `Listener.traffic_direction`; undefined when unspecified. */
  readonly direction: 'inbound' | 'outbound' | undefined;
  readonly managers: readonly Manager[];
}

/** An `HttpConnectionManager` with at least one HTTP filter. */
export interface Manager extends Placed {
  readonly file: ConfigFile;
  /** JSON Pointer of its list of HTTP filters. */
  readonly filtersPath: string;
  readonly filters: readonly Placed[];
}

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const oldApi =
  'this is the v2 API, which Envoy dropped in 1.17; write it with the v3 API (typed_config with a v3 @type)';

/** @throws {AppError} ENVOY_CONFIG_INVALID for the v2 API, and for a connection manager without HTTP filters */
export function findListeners(files: ConfigFiles): readonly Listener[] {
  const fixed = placedField(files.main.root, 'static_resources');
  const listeners =
    fixed === undefined
      ? []
      : repeatedOf(fixed, 'listeners').map((one) => listenerOf(one, files.main));
  const { listeners: file } = files;
  if (file === undefined) return listeners;
  return [...listeners, ...resourcesOf(file).map((resource) => listenerOf(resource, file))];
}

/** Resources of a discovery file; a `Resource` wrapper is looked through. */
export function resourcesOf(file: ConfigFile): readonly Placed[] {
  return repeatedOf(file.root, 'resources').map((resource) =>
    typeNameOf(resource.message) === 'envoy.service.discovery.v3.Resource'
      ? (placedField(resource, 'resource') ?? resource)
      : resource,
  );
}

/** How a listener is called in messages. */
export function titleOf(listener: Listener): string {
  return listener.name === undefined ? `without a name (${listener.path})` : `"${listener.name}"`;
}

function listenerOf(listener: Placed, file: ConfigFile): Listener {
  const defaultChain = placedField(listener, 'default_filter_chain');
  const chains = [
    ...repeatedOf(listener, 'filter_chains'),
    ...(defaultChain === undefined ? [] : [defaultChain]),
  ];
  const configs = chains
    .flatMap((chain) => repeatedOf(chain, 'filters'))
    .map((filter) => typedConfigOf(filter, file))
    .concat(apiListenerOf(listener))
    .filter((config) => config !== undefined);
  return {
    ...listener,
    file,
    name: textOf(listener.message, 'name'),
    direction: directionOf(listener.message),
    managers: configs
      .filter(({ message }) => typeNameOf(message) === managerType)
      .map((config) => managerOf(config, file)),
  };
}

function apiListenerOf(listener: Placed): Placed | undefined {
  const outer = placedField(listener, 'api_listener');
  return outer === undefined ? undefined : placedField(outer, 'api_listener');
}

function directionOf(listener: JsonObject): Listener['direction'] {
  const direction = listener[fieldKey(listener, 'traffic_direction')];
  // Names and numbers of envoy.config.core.v3.TrafficDirection.
  if (direction === 'INBOUND' || direction === 1) return 'inbound';
  if (direction === 'OUTBOUND' || direction === 2) return 'outbound';
  return undefined;
}

/** The typed configuration of a network or HTTP filter; undefined when it comes by discovery or is absent. */
function typedConfigOf(filter: Placed, file: ConfigFile): Placed | undefined {
  const name = textOf(filter.message, 'name') ?? 'without a name';
  if (Object.hasOwn(filter.message, 'config')) {
    throw invalid(file, `${filter.path}/config`, `filter ${name} has "config": ${oldApi}`);
  }
  const config = placedField(filter, 'typed_config');
  if (config === undefined) {
    if (name !== 'envoy.http_connection_manager') return undefined;
    throw invalid(file, filter.path, `filter ${name} has no typed_config: ${oldApi}`);
  }
  const type = typeNameOf(config.message);
  if (type === undefined) {
    throw invalid(
      file,
      config.path,
      `typed_config of filter ${name} has no "@type"; without it Envoy cannot read it: add the v3 type`,
    );
  }
  if (/^envoy\.(?:config\.filter\.|api\.v2\.)/.test(type)) {
    throw invalid(file, `${config.path}/@type`, `filter ${name} is of type ${type}: ${oldApi}`);
  }
  return config;
}

function managerOf(config: Placed, file: ConfigFile): Manager {
  const filters = repeatedOf(config, 'http_filters');
  if (filters.length === 0) {
    throw invalid(
      file,
      config.path,
      'this connection manager has no http_filters; give it at least the terminal one, envoy.filters.http.router',
    );
  }
  for (const filter of filters) typedConfigOf(filter, file);
  const filtersPath = `${config.path}/${fieldKey(config.message, 'http_filters')}`;
  return { ...config, file, filtersPath, filters };
}
