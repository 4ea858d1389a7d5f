/** Envoy configurations in a few words, as texts, and what the patcher makes of them. */
import type { EnvoyAdditions, EnvoySource } from '../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../webhook/envoy/patch-envoy.ts';

export const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
export const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';

export function manager(filters: string, route = ''): string {
  return `{name: hcm, typed_config: {"@type": ${managerType}, http_filters: ${filters}${route}}}`;
}

export function listener(name: string, filter: string, direction = 'UNSPECIFIED'): string {
  return `  - {name: ${name}, traffic_direction: ${direction}, filter_chains: [{filters: [${filter}]}]}\n`;
}

export function bootstrap(...listeners: string[]): string {
  return `static_resources:\n  listeners:\n${listeners.join('')}  clusters: []\n`;
}

export function sourceOf(text: string, more: Partial<EnvoySource> = {}): EnvoySource {
  return { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml', ...more };
}

export function patched(text: string, additions: EnvoyAdditions): string {
  return patchEnvoy(sourceOf(text), additions).files['envoy.yaml'] ?? '';
}

export const plain = bootstrap(listener('web', manager(`[${router}]`)));
