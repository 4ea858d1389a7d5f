/** Whether each Envoy is new enough for the filter that it gets. */
import { listAt, isObject, stringAt } from '#kernel/json.ts';
import { withoutTail } from '#kernel/text.ts';
import { isOlder, versionOfImage, versionText } from '../envoy/envoy-version.ts';
import type { Status } from '../injection/status.ts';
import type { Assessed } from './assess.ts';
import { refusals } from './annotations.ts';
import { containerName, containersOf } from './containers.ts';
import { type Check, type Finding, type CheckOutcome } from './check-contract.ts';

/** HttpProtocolOptions, which the cluster of ext_authz needs, came with it; other data paths say themselves what they need. */
const oldest = { major: 1, minor: 17 } as const;

const hint = 'take a newer image; its project supports the last four minor versions';

export const envoyVersion: Check = {
  id: 'envoy_version',
  category: 'workloads',
  claim: 'every Envoy is new enough for the filter it gets',
  why: 'An older Envoy refuses the whole configuration and does not start.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => {
    const verdicts = assessed.filter(({ asks }) => asks).flatMap(judge);
    const findings = [
      ...refusals(assessed, (code) => code === 'ENVOY_TOO_OLD', hint),
      ...verdicts.flatMap((verdict) => ('message' in verdict ? [verdict] : [])),
    ];
    const unsaid = verdicts.flatMap((verdict) => ('unsaid' in verdict ? [verdict.unsaid] : []));
    return outcomeOf(findings, [...new Set(unsaid)]);
  },
};

function outcomeOf(findings: readonly Finding[], unsaid: readonly string[]): CheckOutcome {
  if (unsaid.length === 0) return { findings };
  const images = unsaid.length > 3 ? [...unsaid.slice(0, 3), '…'] : unsaid;
  return {
    findings,
    skipped: `the image does not say its Envoy's version: ${images.join(', ')}`,
  };
}

function judge({
  decision,
  where,
  spec,
}: Assessed): readonly (Finding | { readonly unsaid: string })[] {
  const status: Status | undefined = 'status' in decision ? decision.status : undefined;
  if (status?.envoy === undefined) return [];
  const container = envoyContainer(spec, status.envoy.directory);
  const image = stringAt(container, 'image');
  if (container === undefined || image === undefined) return [];
  const version = versionOfImage(image);
  if (version === undefined) return [{ unsaid: image }];
  if (!isOlder(version, oldest)) return [];
  return [
    {
      severity: 'error',
      where,
      message: `container "${containerName(container)}" runs Envoy ${versionText(version)} (${image}); the filter needs ${versionText(oldest)}`,
      hint,
    },
  ];
}

/** The one that mounts the configuration where the plan says. */
function envoyContainer(
  spec: Assessed['spec'],
  directory: string,
): ReturnType<typeof containersOf>[number] | undefined {
  return containersOf(spec).find((container) =>
    listAt(container, 'volumeMounts')
      .filter(isObject)
      .some((mount) => withoutTail(stringAt(mount, 'mountPath') ?? '', '/').startsWith(directory)),
  );
}
