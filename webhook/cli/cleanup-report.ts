/** What `svidecar cleanup` prints. */
import type { LeftByUs, FoundPart, TakenAway } from '../controller/cleanup/clean-up.ts';

/** A line for each that is ours. */
export function foundText({ entries, relationships, objects, envoyFilters }: LeftByUs): string {
  const lines = [
    ...itemsOf(entries).map(({ id, spiffeId }) => `entry ${id} ${spiffeId}`),
    ...itemsOf(relationships).map(
      ({ trustDomain, withBundle }) =>
        `relationship ${trustDomain}${withBundle ? ', with its bundle' : ''}`,
    ),
    ...itemsOf(objects).map(({ name }) => `ClusterSPIFFEID ${name}`),
    ...itemsOf(envoyFilters).map(
      ({ namespace, name, user }) =>
        `EnvoyFilter ${namespace}/${name}${user === undefined ? '' : `, which ${user} needs`}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

export function summaryOf(ours: LeftByUs): string {
  const { entries, relationships, objects, envoyFilters, others } = ours;
  const parts: readonly FoundPart<unknown>[] = [entries, relationships, objects, envoyFilters];
  const hasWork = parts.some((part) => itemsOf(part).length > 0);
  const isWhole = parts.every(({ kind }) => kind === 'seen');
  const counts = countsOf({
    entries: itemsOf(entries).length,
    relationships: itemsOf(relationships).length,
    objects: itemsOf(objects).length,
    envoyFilters: itemsOf(envoyFilters).length,
  });
  const next = hasWork ? 'Delete them with --yes' : isWhole ? 'There is nothing to do' : '';
  return `svidecar's: ${counts}; ${others} entries of others stay. ${next}`.trimEnd() + '\n';
}

export function takenText({ others }: LeftByUs, taken: TakenAway): string {
  return `deleted ${countsOf(taken)}; ${others} entries of others stay\n`;
}

/** For each sort that nobody could look at: why, and how to do it. */
export function unseenSentences(ours: LeftByUs, namespace: string): readonly string[] {
  return [
    ...sentence(ours.entries, {
      what: 'entries in SPIRE were not looked at',
      how: "give --spire-server, where SPIRE's server is reached",
    }),
    ...sentence(ours.relationships, {
      what: 'federation relationships in SPIRE were not looked at',
      how: `which of them are svidecar's stands on the Lease ${namespace}/svidecar-registrations: give --kubeconfig or --context, --namespace if svidecar's is another, and --spire-server`,
    }),
    ...sentence(ours.objects, {
      what: 'ClusterSPIFFEID objects were not looked at',
      how: 'give --kubeconfig or --context of who may list and delete them, or: kubectl delete clusterspiffeids -l app.kubernetes.io/managed-by=svidecar',
    }),
    ...sentence(ours.envoyFilters, {
      what: 'EnvoyFilters were not looked at',
      how: 'give --kubeconfig or --context of who may list them and all workloads and pods, and delete EnvoyFilters',
    }),
  ];
}

function sentence(
  part: FoundPart<unknown>,
  { what, how }: { readonly what: string; readonly how: string },
): readonly string[] {
  return part.kind === 'seen' ? [] : [`${what}: ${part.reason}; ${how}`];
}

function countsOf({
  entries,
  relationships,
  objects,
  envoyFilters,
}: Omit<TakenAway, 'stays'>): string {
  return `${entries} entries, ${relationships} federation relationships, ${objects} ClusterSPIFFEID objects, ${envoyFilters} EnvoyFilters`;
}

function itemsOf<Item>(part: FoundPart<Item>): readonly Item[] {
  return part.kind === 'seen' ? part.items : [];
}
