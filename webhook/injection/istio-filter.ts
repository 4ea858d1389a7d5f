/** The EnvoyFilter of a plan, and the ConfigMap that makes pods wait for it. */
import { stringify } from 'yaml';
import { renderEnvoyFilter } from '../istio/render-envoy-filter.ts';
import { envoyFilterFile, envoyFilterKind, type IstioPlan } from '../istio/istio-plan.ts';
import type { Library } from '../templates/library.ts';
import { additionsOf, type PlannedPatch } from './envoy-plan.ts';
import type { EnvoyPlan } from './status.ts';

/** @throws {AppError} TEMPLATE_UNKNOWN, TEMPLATE_INVALID */
export function envoyFilterPlanned(
  plan: EnvoyPlan,
  istio: IstioPlan,
  library: Library,
): PlannedPatch {
  const { derived } = plan;
  const spec = renderEnvoyFilter(additionsOf(plan, library), istio, { derived });
  const { apiVersion, kind } = envoyFilterKind;
  const manifest = { apiVersion, kind, metadata: { name: derived }, spec };
  return {
    data: { [envoyFilterFile]: stringify(manifest, { lineWidth: 0 }) },
    binaryData: {},
    envoyFilter: spec,
    warnings: [],
    changes: [],
    inbound: { guards: [], ports: [], appPorts: [] },
  };
}
