/** Which Events tell that an EnvoyFilter of ours was not what it should be. */
import { envoyFilterKind } from '../istio/istio-plan.ts';
import { traceText } from '../injection/trace.ts';
import type { ConfigMapUser } from './desired.ts';
import { workloadsOf, type DesiredEvent } from './events.ts';

const harms = {
  changed: 'had been changed',
  deleted: 'was not there although its pods could start, so somebody had deleted it',
} as const;

/** Reports a repaired EnvoyFilter to those whose pods it is for; each harm once, by the version that ended it. */
export function restoredFilterEvents(
  filter: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly users: readonly ConfigMapUser[];
  },
  harm: 'changed' | 'deleted',
): readonly DesiredEvent[] {
  const { namespace, name, uid, resourceVersion, users } = filter;
  const message =
    `EnvoyFilter ${name} ${harms[harm]}; it is as it should be again (version ${resourceVersion}). Until then requests may have passed without being checked, ` +
    'and others may have left without a token: see who may write EnvoyFilters here';
  const note = traceText([{ id: 'envoy_filter_restored', message, level: 'warning' }]);
  const { apiVersion, kind } = envoyFilterKind;
  const related = { apiVersion, kind, name, uid };
  return workloadsOf(users).map((regarding) => {
    const reason = 'EnvoyFilterRestored';
    return { namespace, regarding, related, type: 'Warning', reason, action: 'Render', note };
  });
}
