/** Whether each Envoy is new enough for the filter that it gets. */
import { listAt, isObject, stringAt } from '#kernel/json.ts';
import type { Status } from '../injection/status.ts';
import type { Assessed } from './assess.ts';
import { containerName, containersOf } from './containers.ts';
import { type Check, type Finding, type Outcome } from './contract.ts';

/** Minor version of Envoy 1.x; HttpProtocolOptions, which our cluster needs, came with it. */
const oldestMinor = 17;

export const envoyVersion: Check = {
  id: 'envoy_version',
  category: 'workloads',
  claim: 'every Envoy is new enough for the filter it gets',
  why: 'An older Envoy refuses the whole configuration and does not start.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => {
    const verdicts = assessed.filter(({ asks }) => asks).flatMap(judge);
    const findings = verdicts.flatMap((verdict) => ('message' in verdict ? [verdict] : []));
    const unsaid = verdicts.flatMap((verdict) => ('unsaid' in verdict ? [verdict.unsaid] : []));
    return outcomeOf(findings, [...new Set(unsaid)]);
  },
};

function outcomeOf(findings: readonly Finding[], unsaid: readonly string[]): Outcome {
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
  const minor = minorOf(image);
  if (minor === undefined) return [{ unsaid: image }];
  if (minor >= oldestMinor) return [];
  return [
    {
      severity: 'error',
      where,
      message: `container "${containerName(container)}" runs Envoy 1.${minor} (${image}); the filter needs 1.${oldestMinor}`,
      hint: 'use an Envoy that its project still supports',
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
      .some((mount) =>
        (stringAt(mount, 'mountPath') ?? '').replace(/\/+$/, '').startsWith(directory),
      ),
  );
}

/** Of a tag such as `v1.40.0`, `distroless-v1.31-latest`; a digest after it does not matter. */
function minorOf(image: string): number | undefined {
  const tag = /:([\w.-]+)(?:@sha256:\w+)?$/.exec(image)?.[1] ?? '';
  const minor = /(?:^|-)v?1\.(\d{1,3})(?:[.-]|$)/.exec(tag)?.[1];
  return minor === undefined ? undefined : Number(minor);
}
