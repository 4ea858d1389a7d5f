/**
 * Who may call whom: whoever sends tokens for an audience, and whoever accepts it. Where one side wants a call and the other
 * does not provide for it, the edge is missing.
 */
import { callersOf, type CallerPatterns } from '../../sidecar/config/caller-pattern.ts';
import { trustDomainName } from '../checks/identity-links.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { IdentityEdge, IdentityOfWorkload, IdentityOutside } from './console-reports.ts';

export interface DrawnEdges {
  readonly edges: readonly IdentityEdge[];
  readonly outside: readonly IdentityOutside[];
  readonly leftOut: number;
}

/** What a page can draw, and a person can read. */
const maxEdges = 2_000;
/** Pairs that are looked at: with one audience for all, they are the square of the workloads. */
const maxPairs = 200_000;

interface Callee {
  readonly node: IdentityOfWorkload;
  readonly callers: CallerPatterns;
}

interface Drawing {
  readonly edges: Map<string, IdentityEdge>;
  readonly outside: Map<string, IdentityOutside>;
  pairs: number;
  leftOut: number;
}

export function identityEdges(nodes: readonly IdentityOfWorkload[]): DrawnEdges {
  const drawing: Drawing = { edges: new Map(), outside: new Map(), pairs: 0, leftOut: 0 };
  const callees = nodes
    .filter(({ accepts }) => accepts.length > 0)
    .map((node): Callee => ({ node, callers: callersOf(node.allowCallers) }));
  const accepting = acceptersOf(callees);
  for (const caller of nodes) drawCalls(caller, accepting, drawing);
  const byId = Map.groupBy(nodes, ({ spiffeId }) => spiffeId ?? '');
  for (const callee of callees) drawAllowed(callee, byId, drawing);
  return bounded(drawing);
}

function acceptersOf(callees: readonly Callee[]): ReadonlyMap<string, readonly Callee[]> {
  const found = new Map<string, Callee[]>();
  for (const callee of callees)
    for (const audience of callee.node.accepts) {
      const known = found.get(audience);
      if (known === undefined) found.set(audience, [callee]);
      else known.push(callee);
    }
  return found;
}

/** What one workload sends tokens for. */
function drawCalls(
  caller: IdentityOfWorkload,
  accepting: ReadonlyMap<string, readonly Callee[]>,
  drawing: Drawing,
): void {
  for (const audience of caller.sendsTo) {
    const callees = accepting.get(audience) ?? [];
    if (callees.length === 0) drawUnheard(caller, audience, drawing);
    for (const callee of callees) {
      if (callee.node === caller) continue;
      drawing.pairs += 1;
      if (drawing.pairs > maxPairs) drawing.leftOut += 1;
      else draw(callEdge(caller, callee, audience), drawing);
    }
  }
}

function drawUnheard(caller: IdentityOfWorkload, audience: string, drawing: Drawing): void {
  const id = `audience ${audience}`;
  drawing.outside.set(id, { kind: 'audience', id, label: audience });
  draw(
    {
      from: caller.id,
      to: id,
      audience,
      status: 'unknown',
      words: `sends tokens for ${audience}, which no workload that is seen here accepts`,
    },
    drawing,
  );
}

function callEdge(caller: IdentityOfWorkload, callee: Callee, audience: string): IdentityEdge {
  const edge = { from: caller.id, to: callee.node.id, audience };
  const fault = callFault(caller, callee);
  if (fault !== undefined) return { ...edge, status: 'missing', ...fault };
  const unsure = [caller, callee.node].find(({ link }) => link.status === 'unknown');
  return unsure === undefined
    ? { ...edge, status: 'complete', words: `may call, with tokens for ${audience}` }
    : {
        ...edge,
        status: 'unknown',
        words: `may call, with tokens for ${audience}; whether ${unsure.name} has its identity is not known`,
      };
}

interface CallFault {
  readonly words: string;
  readonly hint: string;
}

/** The first thing that is missing, from the caller on. */
function callFault(caller: IdentityOfWorkload, callee: Callee): CallFault | undefined {
  const { node } = callee;
  if (caller.link.status === 'missing') return linkFault(caller, caller.link);
  const { spiffeId } = caller;
  if (spiffeId !== undefined && !isAllowed(spiffeId, callee.callers))
    return {
      words: `${node.name} does not let ${spiffeId} in: it allows ${node.allowCallers.join(', ')}`,
      hint: `add ${spiffeId} to ${annotationKey('allow-callers')} of ${node.name}`,
    };
  if (node.link.status === 'missing') return linkFault(node, node.link);
  return spiffeId === undefined ? undefined : federationFault(trustDomainName(spiffeId), node);
}

function linkFault(
  { name }: IdentityOfWorkload,
  link: Extract<IdentityOfWorkload['link'], { status: 'missing' }>,
): CallFault {
  return { words: `${name}: ${link.message}`, hint: link.hint };
}

/** Keys of another trust domain come only to whoever federates with it. */
function federationFault(domain: string, node: IdentityOfWorkload): CallFault | undefined {
  if (node.spiffeId === undefined || domain === trustDomainName(node.spiffeId)) return undefined;
  if (node.federatesWith.includes(domain)) return undefined;
  return {
    words: `${node.name} lets callers of ${domain} in, and does not federate with it: it has no keys for their tokens`,
    hint: `add ${domain} to ${annotationKey('federates-with')} of ${node.name}`,
  };
}

function isAllowed(spiffeId: string, { ids, starts }: CallerPatterns): boolean {
  return ids.includes(spiffeId) || starts.some((start) => spiffeId.startsWith(start));
}

/** Whom one workload lets in by name, or by another trust domain. */
function drawAllowed(
  { node }: Callee,
  byId: ReadonlyMap<string, readonly IdentityOfWorkload[]>,
  drawing: Drawing,
): void {
  const own = trustDomainName(node.spiffeId ?? '');
  for (const pattern of node.allowCallers) {
    const domain = trustDomainName(pattern);
    const named = byId.get(pattern) ?? [];
    if (named.length > 0) for (const caller of named) drawSilent(caller, node, drawing);
    else if (domain !== own || isOneCaller(pattern)) drawOutside(pattern, node, drawing);
  }
}

function isOneCaller(pattern: string): boolean {
  return pattern.split('/').length > 3 && !pattern.endsWith('/*');
}

/** One that is let in by name, and sends no token that would be accepted. */
function drawSilent(
  caller: IdentityOfWorkload,
  callee: IdentityOfWorkload,
  drawing: Drawing,
): void {
  if (caller === callee || caller.sendsTo.some((each) => callee.accepts.includes(each))) return;
  const [audience = ''] = callee.accepts;
  draw(
    {
      from: caller.id,
      to: callee.id,
      audience,
      status: 'missing',
      words: `${callee.name} lets ${caller.name} in, which sends no tokens for ${callee.accepts.join(', ')}`,
      hint: `name ${audience} in ${annotationKey('audience')} or ${annotationKey('audience-by-host')} of ${caller.name}`,
    },
    drawing,
  );
}

function drawOutside(pattern: string, callee: IdentityOfWorkload, drawing: Drawing): void {
  const domain = trustDomainName(pattern);
  const isOwn = domain === trustDomainName(callee.spiffeId ?? '');
  const kind = isOwn || isOneCaller(pattern) ? 'caller' : 'trust_domain';
  const id = `${kind} ${pattern}`;
  drawing.outside.set(id, { kind, id, label: pattern });
  const fault = isOwn ? undefined : federationFault(domain, callee);
  const edge = { from: id, to: callee.id };
  const words = isOwn
    ? `may call; no workload that is seen here has this SPIFFE ID`
    : `may call, from trust domain ${domain}`;
  draw(
    fault === undefined
      ? { ...edge, status: isOwn ? 'unknown' : 'complete', words }
      : { ...edge, status: 'missing', ...fault },
    drawing,
  );
}

/** One edge for two workloads and an audience. */
function draw(edge: IdentityEdge, { edges }: Drawing): void {
  edges.set(JSON.stringify([edge.from, edge.to, edge.audience]), edge);
}

/** Missing ones first: they are what one looks for. */
function bounded({ edges, outside, leftOut }: Drawing): DrawnEdges {
  const order = { missing: 0, unknown: 1, complete: 2 } as const;
  const sorted = [...edges.values()].toSorted(
    (one, other) => order[one.status] - order[other.status],
  );
  const shown = sorted.slice(0, maxEdges);
  const named = new Set(shown.flatMap(({ from, to }) => [from, to]));
  return {
    edges: shown,
    outside: [...outside.values()].filter(({ id }) => named.has(id)),
    leftOut: leftOut + sorted.length - shown.length,
  };
}
