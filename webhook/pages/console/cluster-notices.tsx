/** How the page stands to its server, and that to the cluster: one line in the header, and notices where something is lost. */
import type { VNode } from 'preact';
import type { ClusterStanding, MissingRights } from '../../console/console-model.ts';
import { Notice, StatusBadge } from '../shared/status-badge.tsx';
import type { ConsoleState } from './console-state.ts';
import { CommandText, countOf, useServerNow } from './page-parts.tsx';
import { lengthOf } from './token-life.ts';

interface StateProps {
  readonly state: ConsoleState;
}

/** Which cluster, and whether what is seen is of now. */
export function LineBadge({ state: { line, cluster } }: StateProps): VNode {
  if (line.kind === 'locked') return <StatusBadge tone="bad">no session</StatusBadge>;
  if (line.kind === 'lost') return <StatusBadge tone="bad">connection lost</StatusBadge>;
  if (cluster === undefined) return <StatusBadge tone="info">opening</StatusBadge>;
  switch (cluster.connection) {
    case 'away':
      return <StatusBadge tone="bad">cluster away</StatusBadge>;
    case 'starting':
      return <StatusBadge tone="info">reading the cluster</StatusBadge>;
    case 'connected':
      return cluster.unheard.length > 0 ? (
        <StatusBadge tone="warn">live in part</StatusBadge>
      ) : (
        <StatusBadge tone="good">live</StatusBadge>
      );
    default:
      return cluster.connection satisfies never;
  }
}

/** `prod · https://10.0.0.1:6443 · Kubernetes 1.36 · namespace shop`. */
export function clusterWords(cluster: ClusterStanding | undefined): string {
  if (cluster === undefined) return '';
  const { context, server, kubernetes, namespace } = cluster;
  return [
    context,
    server,
    kubernetes === undefined ? undefined : `Kubernetes ${kubernetes}`,
    namespace === undefined ? undefined : `namespace ${namespace}`,
  ]
    .filter((each) => each !== undefined)
    .join(' · ');
}

export function ClusterNotices({ state }: StateProps): VNode {
  const { cluster } = state;
  return (
    <>
      <LineNotice state={state} />
      {cluster?.connection === 'starting' && <Starting cluster={cluster} />}
      {cluster?.connection === 'connected' && <Hooks hooks={cluster.hooks} />}
      <UnheardNotices state={state} />
      {cluster?.configuration.fault !== undefined && (
        <Notice tone="warn">
          {cluster.configuration.words}: {cluster.configuration.fault}
        </Notice>
      )}
      {cluster?.missingRights !== undefined && <Rights missing={cluster.missingRights} />}
    </>
  );
}

/** One for each resource that is not followed although the API server answers. */
function UnheardNotices({ state }: StateProps): VNode {
  const { cluster } = state;
  const unheard = cluster?.connection === 'connected' ? cluster.unheard : [];
  return (
    <>
      {unheard.map(({ resource, heardS }) => (
        <Notice tone="warn" key={resource}>
          The API server answers, and {resource} cannot be followed: it is tried again.{' '}
          <Since sinceS={heardS} state={state} />
        </Notice>
      ))}
    </>
  );
}

/** Whether anything can be injected at all. */
function Hooks({ hooks }: Pick<ClusterStanding, 'hooks'>): VNode | null {
  switch (hooks) {
    case 'none':
      return (
        <Notice tone="bad">
          svidecar is not installed in this cluster: no hook of it is there, so nothing is injected.
          What is shown is what would be, by default.
        </Notice>
      );
    case 'unknown':
      return (
        <Notice tone="warn">
          Whether svidecar is installed in this cluster is not known: its hooks may not be read.
        </Notice>
      );
    case 'there':
      return null;
    default:
      return hooks satisfies never;
  }
}

function LineNotice({ state }: StateProps): VNode | null {
  const { line, cluster } = state;
  if (line.kind === 'locked')
    return (
      <Notice tone="bad" isAlert>
        {line.message}
      </Notice>
    );
  if (line.kind === 'lost')
    return (
      <Notice tone="bad" isAlert>
        {line.message} It is tried again every second.{' '}
        <Since sinceS={line.sinceMs / 1_000 + state.aheadS} state={state} />
      </Notice>
    );
  if (cluster?.connection === 'away')
    return (
      <Notice tone="bad" isAlert>
        The cluster does not answer{cluster.problem === undefined ? '' : `: ${cluster.problem}`}.{' '}
        <Since sinceS={cluster.sinceS} state={state} />
      </Notice>
    );
  return null;
}

function Since({ sinceS, state }: StateProps & { readonly sinceS: number }): VNode {
  const nowS = useServerNow(state);
  // Read once by a screen reader, not every second.
  return <span aria-live="off">What is shown is {lengthOf(Math.max(0, nowS - sinceS))} old.</span>;
}

function Starting({ cluster }: { readonly cluster: ClusterStanding }): VNode {
  const { objects, awaited } = cluster;
  return (
    <Notice tone="info">
      The cluster is being read: {countOf(objects, 'object')} so far
      {awaited.length === 0 ? '' : `; still to come: ${awaited.join(', ')}`}.
    </Notice>
  );
}

/** `list and watch pods, jobs.batch; get configmaps`: each verb once. */
function rightsWords(rights: MissingRights['rights']): string {
  const byVerb = Map.groupBy(rights, ({ what }) => what.slice(0, what.lastIndexOf(' ')));
  return [...byVerb]
    .map(([verb, of]) => `${verb} ${of.map(({ what }) => what.slice(verb.length + 1)).join(', ')}`)
    .join('; ');
}

function Rights({
  missing: { rights, role, placeholder },
}: {
  readonly missing: MissingRights;
}): VNode {
  return (
    <details class="notice tone-warn">
      <summary>You may not {rightsWords(rights)}. What depends on it is unknown.</summary>
      <ul>
        {rights.map(({ what, consequence }) => (
          <li key={what}>
            <b>{what}</b>: {consequence}
          </li>
        ))}
      </ul>
      <p>
        This gives all of it; an administrator can apply it
        {placeholder === undefined ? '' : `, with your name in place of ${placeholder}`}:
      </p>
      <CommandText command={role} />
    </details>
  );
}
