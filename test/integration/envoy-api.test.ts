/**
 * Places in the pinned Envoy's API where filters stand, and fields that change what a filter does: each has been looked at.
 * After a new pin: judge what is new, write it down in webhook/envoy, and renew the list of fields with `UPDATE=1`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { filterPlaces, managerType, managerWrappers } from '../../webhook/envoy/filter-lists.ts';
import { describeWithComponents } from './harness/components.ts';
import { readEnvoyApi, type ApiField, type EnvoyApi } from './harness/envoy-api.ts';

const list = join(import.meta.dirname, '../fixtures/envoy/fields.json');

/** Messages of which every field has been looked at. */
const known = [
  'envoy.config.bootstrap.v3.Bootstrap',
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources',
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources',
  'envoy.config.listener.v3.Listener',
  'envoy.config.listener.v3.FilterChain',
  'envoy.config.listener.v3.Filter',
  'envoy.config.listener.v3.ApiListener',
  managerType,
  `${managerType}.UpgradeConfig`,
  ...managerWrappers.keys(),
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  'envoy.config.route.v3.FilterConfig',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
  'envoy.extensions.filters.http.ext_authz.v3.CheckSettings',
];

/** What a filter list is made of, whoever holds it. */
const holds = new Set([
  'envoy.config.listener.v3.Listener',
  'envoy.config.listener.v3.FilterChain',
  'envoy.config.listener.v3.Filter',
  'envoy.config.listener.v3.ListenerFilter',
  'envoy.config.cluster.v3.Filter',
  managerType,
  ...managerWrappers.keys(),
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  'envoy.extensions.filters.http.filter_chain.v3.FilterChain',
]);
const anything = new Set(['google.protobuf.Any', 'envoy.config.core.v3.TypedExtensionConfig']);
/** What Envoy tells about itself, and filters of access logs, is no configuration of requests. */
const elsewhere = /^envoy\.(?:admin|config\.accesslog)\./;

function isPlace({ name, type, isRepeated }: ApiField): boolean {
  const isList = isRepeated && name.endsWith('filters');
  return holds.has(type) || (isList && (anything.has(type) || /Filter$/.test(type)));
}

describeWithComponents(['envoy'], 'the API of the pinned Envoy', () => {
  let api: EnvoyApi;
  beforeAll(async () => {
    api = await readEnvoyApi();
  });

  test('has no place for filters that the patcher does not know', () => {
    expect(api.size).toBeGreaterThan(1_000);
    const found = [...api].flatMap(([message, fields]) =>
      elsewhere.test(message) ? [] : fields.filter(isPlace).map(({ name }) => `${message}.${name}`),
    );
    const table = new Set(filterPlaces.map(({ message, field }) => `${message}.${field}`));
    expect(found.filter((place) => !table.has(place))).toEqual([]);
    expect(found.length).toBeGreaterThan(15);
  });

  test('has every place of the table', () => {
    const missing = filterPlaces.filter(
      ({ message, field }) => api.get(message)?.some(({ name }) => name === field) !== true,
    );
    expect(missing).toEqual([]);
  });

  test('has no field, in the messages that are followed, that nobody has looked at', () => {
    const fields = Object.fromEntries(
      known.map((message) => [
        message,
        Object.fromEntries((api.get(message) ?? []).map(({ name, number }) => [name, number])),
      ]),
    );
    const text = `${JSON.stringify(fields, null, 2)}\n`;
    if (process.env['UPDATE'] === '1') writeFileSync(list, text);
    expect(text).toBe(readFileSync(list, 'utf8'));
  });
});
