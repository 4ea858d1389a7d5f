/** Each workload with an identity as a node of a graph: whom it calls, whom it lets in, and how far its identity has come. */
import { AppError } from '#kernel/errors.ts';
import { onceFor } from '#kernel/once.ts';
import { readSettings, type HelperSettings } from '../../sidecar/config/settings.ts';
import { trustDomainName, type JudgedIdentity } from '../checks/identity-links.ts';
import type { EntryView, IdentityOfWorkload, IdentityStanding } from './console-reports.ts';

/** Entries that are shown of one workload: with spire-controller-manager every pod has one. */
const maxEntries = 20;

export function identityNodes(judged: readonly JudgedIdentity[]): readonly IdentityOfWorkload[] {
  // Many workloads share one text of settings.
  const rulesOf = onceFor(readRules);
  return judged.map((each) => nodeOf(each, rulesOf));
}

type Rules = HelperSettings['rules'];

function nodeOf(
  { identity, link, twins }: JudgedIdentity,
  rulesOf: (settings: string) => Rules,
): IdentityOfWorkload {
  const { where, assessed, registration, entries } = identity;
  const { decision } = assessed;
  const settings = 'status' in decision ? decision.status.helper?.settings : undefined;
  const rules = settings === undefined ? [] : rulesOf(settings);
  const spiffeId = registration?.spiffeId;
  const own = spiffeId === undefined ? [] : [`spiffe://${trustDomainName(spiffeId)}`];
  const accepts = rules.flatMap((rule) => (rule.mode === 'validate' ? rule.audiences : []));
  const allowed = rules.flatMap((rule) =>
    rule.mode === 'validate' ? (rule.allowCallers ?? own) : [],
  );
  return {
    kind: 'workload',
    id: `${where.namespace}/${where.kind}/${where.name}`,
    namespace: where.namespace,
    workloadKind: where.kind,
    name: where.name,
    ...(spiffeId === undefined ? {} : { spiffeId }),
    sendsTo: distinct(rules.flatMap(audiencesSent)),
    accepts: distinct(accepts),
    allowCallers: distinct(allowed),
    federatesWith: registration?.federatesWith ?? [],
    link: standingOfLink(link),
    entries: entries.slice(0, maxEntries).map(({ entry, fit }): EntryView => {
      const { id, selectors, federatesWith } = entry;
      return { id, selectors, unmet: fit.unmet, federatesWith };
    }),
    twins,
  };
}

function audiencesSent(rule: Rules[number]): readonly string[] {
  if (rule.mode !== 'inject') return [];
  const byHost = Object.values(rule.audienceByHost ?? {});
  return rule.audience === undefined ? byHost : [rule.audience, ...byHost];
}

/** Of a damaged status nothing is told here: its checks do. */
function readRules(settings: string): Rules {
  try {
    return readSettings(settings, 'the settings of the helper').rules;
  } catch (thrown) {
    if (thrown instanceof AppError) return [];
    throw thrown;
  }
}

function standingOfLink(link: JudgedIdentity['link']): IdentityStanding {
  switch (link.kind) {
    case 'complete':
      return { status: 'complete' };
    case 'unknown':
      return { status: 'unknown', message: link.reason };
    case 'missing':
      return { status: 'missing', step: link.step, message: link.message, hint: link.hint };
    default:
      return link satisfies never;
  }
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
