/** Keys of the configuration that are right each by itself, and cannot all be meant. */
import { parseSpiffeId, spiffeIdFault, trustDomainOf } from '#kernel/spiffe-id.ts';

interface SpireKeys {
  readonly trustDomain: string;
  readonly entries: { readonly parentId?: string | undefined };
  readonly federation: readonly { readonly trustDomain: string }[];
}

export interface Contradiction {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Of keys that have their types; their texts may be wrong. */
export function contradictions(config: SpireKeys): readonly Contradiction[] {
  return [...withItself(config), ...foreignParent(config)];
}

function withItself({ trustDomain, federation }: SpireKeys): readonly Contradiction[] {
  const message =
    `is ${trustDomain}, the configuration's own trustDomain, whose keys SPIRE has: ` +
    'take the entry out, or name the other trust domain';
  return federation.flatMap((entry, index) =>
    entry.trustDomain === trustDomain
      ? [{ path: ['federation', index, 'trustDomain'], message }]
      : [],
  );
}

/** SPIRE refuses an entry under a parent of another trust domain. */
function foreignParent({ trustDomain, entries }: SpireKeys): readonly Contradiction[] {
  const { parentId } = entries;
  // One that is none is told by its own check.
  if (parentId === undefined || spiffeIdFault(parentId) !== undefined) return [];
  const theirs = trustDomainOf(parseSpiffeId(parentId));
  if (theirs === trustDomain) return [];
  const message =
    `is of the trust domain ${theirs}, and trustDomain is ${trustDomain}: ` +
    'SPIRE takes parents of its own trust domain only; change one of the two';
  return [{ path: ['entries', 'parentId'], message }];
}
