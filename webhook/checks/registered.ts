/** Whether SPIRE has registered what workloads need, link by link. */
import {
  found,
  skipped,
  type Check,
  type CheckOutcome,
  type Finding,
  type Material,
  type Severity,
} from './check-contract.ts';
import {
  fittingEntries,
  isIssuedElsewhere,
  lackingDomains,
  missingAt,
  overridesOf,
  trustDomainName,
  twinsOf,
  type LinkStep,
} from './identity-links.ts';
import type { SpireContents } from './facts.ts';

const common = {
  category: 'identity',
  offline: true,
  reads: ['workloads', 'pods', 'namespaces'],
} as const;

export const entryPresent: Check = {
  ...common,
  id: 'entry_present',
  claim: 'the SPIFFE ID of every workload has an entry in SPIRE',
  why: 'A helper without an entry gets "no identity issued", and its pod does not become ready.',
  run: (material) => ofStep('entry', 'error', material),
};

export const entrySelectors: Check = {
  ...common,
  id: 'entry_selectors',
  claim: 'the helper of every workload meets the selectors of its entry, and an agent its parent',
  why: 'An entry that no process meets gives nobody an identity, and nothing says so.',
  run: (material) => {
    const unjudged = new Set(
      material
        .identities()
        .flatMap((each) => fittingEntries(each).flatMap(({ fit }) => fit.unjudged)),
    );
    const notes = [...unjudged].slice(0, namedSelectors).map((each) => {
      return `${each} cannot be judged from here`;
    });
    const selectors = ofStep('selectors', 'error', material);
    const { findings } = ofStep('parent', 'error', material);
    return { ...selectors, findings: [...selectors.findings, ...findings], notes };
  },
};

/** Selectors that a report names; each is one of many of its kind. */
const namedSelectors = 5;

export const entrySingle: Check = {
  ...common,
  id: 'entry_single',
  claim: 'no helper gets one identity by two entries',
  why: 'Which of the two counts is not said: lives, federation and hints may change with every renewal.',
  run: (material) =>
    withSpire(material, () =>
      material.identities().flatMap((identity): readonly Finding[] => {
        const twins = twinsOf(identity);
        if (twins.length < 2) return [];
        return [
          {
            severity: 'warning',
            where: identity.where,
            message: `entries ${twins.join(' and ')} both give its helper ${identity.registration?.spiffeId ?? ''}`,
            hint: 'keep one of them; a ClusterSPIFFEID with a narrower podSelector leaves out what others register',
          },
        ];
      }),
    ),
};

export const trustDomain: Check = {
  ...common,
  id: 'trust_domain',
  claim: 'the trust domain that is configured is the one that SPIRE issues for',
  why: 'Tokens of another trust domain are refused everywhere, and entries for a foreign one cannot be made.',
  run: (material) => {
    const { spire, engine } = material.facts;
    const servers = spire.kind === 'known' ? spire.value.trustDomain : undefined;
    const { trustDomain: configured } = engine.config;
    const step = ofStep('trust_domain', 'error', material);
    const held = withoutRepeats(foreignIssuers(material));
    const findings = [...step.findings, ...held];
    if (servers === undefined || servers === configured) return { ...step, findings };
    const finding: Finding = {
      severity: 'error',
      where: undefined,
      message: `the injector's configuration says trustDomain: ${configured}, and SPIRE issues for ${servers}`,
      hint: `set trustDomain: ${servers} in the injector's configuration, or ask the right SPIRE server`,
    };
    return { ...step, findings: [finding, ...findings] };
  },
};

/** Helpers whose tokens are of another trust domain than their workload's SPIFFE ID. */
function foreignIssuers({ identities }: Material): readonly Finding[] {
  return identities().flatMap(({ where, registration, pods }): readonly Finding[] => {
    if (registration === undefined) return [];
    const own = trustDomainName(registration.spiffeId);
    const issuers = pods.flatMap(({ held }) =>
      held?.kind === 'known' ? held.value.tokens.flatMap(({ issuer }) => issuer ?? []) : [],
    );
    const foreign = issuers.find((issuer) => issuer !== own);
    if (foreign === undefined) return [];
    return [
      {
        severity: 'error',
        where,
        message: `its helper has tokens of ${foreign}, and should have them of ${own}`,
        hint: 'look at which agent serves the socket that the pod mounts',
      },
    ];
  });
}

function withoutRepeats(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((each) => [JSON.stringify(each), each])).values()];
}

export const spiffeIdOverride: Check = {
  ...common,
  id: 'spiffe_id_override',
  claim: 'no workload waits for a SPIFFE ID of its own choice that nobody registers',
  why: 'Whoever writes a pod template could take the identity of another workload, so the webhook registers only what the configuration derives, unless it is told otherwise.',
  run: (material) => {
    const { registration, entries } = material.facts.engine.config;
    if (registration !== 'entries') return skipped('the webhook registers no entries');
    if (entries.allowSpiffeIdAnnotation) return found([]);
    return found(
      material.identities().flatMap((identity): readonly Finding[] => {
        const [key] = overridesOf(identity);
        if (key === undefined || fittingEntries(identity).length > 0) return [];
        if (isIssuedElsewhere(identity, material.facts)) return [];
        return [
          {
            severity: 'warning',
            where: identity.where,
            key,
            message: `${key} asks for ${identity.registration?.spiffeId ?? 'a SPIFFE ID'}, which the webhook does not register`,
            hint: 'remove the annotation, register the workload by hand (svidecar render entries), or set entries.allowSpiffeIdAnnotation: true where all who write pod templates are trusted',
          },
        ];
      }),
    );
  },
};

export const federatedBundles: Check = {
  ...common,
  id: 'federated_bundles',
  claim:
    'every trust domain that a workload federates with is in its entry, and SPIRE has its bundle',
  why: 'Without the bundle callers of that trust domain are refused; an entry that names it cannot even be made.',
  run: (material) =>
    withSpire(material, ({ federated }) => [
      ...withoutBundle(material, federated),
      ...stepFindings('federation', 'warning', material).filter(
        ({ where }) => where !== undefined && !isUnbundled(where, material, federated),
      ),
    ]),
};

/** One finding for a trust domain, however many workloads want it. */
function withoutBundle(
  { identities }: Material,
  federated: SpireContents['federated'],
): readonly Finding[] {
  if (federated === undefined) return [];
  const wanted = identities().flatMap(({ registration, where }) =>
    (registration?.federatesWith ?? []).map((domain) => ({ domain, where })),
  );
  const lacking = wanted.filter(({ domain }) => !federated.has(domain));
  return [...Map.groupBy(lacking, ({ domain }) => domain)].map(([domain, all]): Finding => {
    const more = all.length > 1 ? `, as do ${all.length - 1} more workloads` : '';
    return {
      severity: 'error',
      where: all[0]?.where,
      message: `federates with ${domain}${more}, whose bundle SPIRE does not have`,
      hint: `name ${domain} in federation of the injector's configuration, or run spire-server federation create (or bundle set) for it`,
    };
  });
}

function isUnbundled(
  where: NonNullable<Finding['where']>,
  { identities }: Material,
  federated: SpireContents['federated'],
): boolean {
  const identity = identities().find((each) => each.where === where);
  return (
    identity !== undefined &&
    federated !== undefined &&
    lackingDomains(identity).every((each) => !federated.has(each))
  );
}

function ofStep(step: LinkStep, severity: Severity, material: Material): CheckOutcome {
  return withSpire(material, () => stepFindings(step, severity, material));
}

function stepFindings(
  step: LinkStep,
  severity: Severity,
  { identities, facts }: Material,
): readonly Finding[] {
  return identities().flatMap((identity): readonly Finding[] => {
    const { kind } = identity.assessed.decision;
    // Told by other checks, and nothing would use the entry.
    if (kind === 'refused' || kind === 'skipped') return [];
    const missing = missingAt(step, identity, facts);
    if (missing === undefined) return [];
    const { message, hint } = missing;
    return [{ severity, where: identity.where, message, hint }];
  });
}

function withSpire(
  { facts: { spire } }: Material,
  judge: (spire: SpireContents) => readonly Finding[],
): CheckOutcome {
  // How to ask is told once, by spire_server.
  if (spire.kind === 'not_asked') return skipped('SPIRE was not asked');
  if (spire.kind === 'unknown') return { findings: [], unread: [spire.reason] };
  return found(judge(spire.value));
}
