/** What an API server would say of the served certificate, and what readiness makes of it. Pure. */
import type { CertificateView } from './certificate-view.ts';

/** `unknown` when it cannot be determined. */
export type TrustVerdict =
  | { readonly kind: 'trusted'; readonly anchor: CertificateView }
  | { readonly kind: 'untrusted'; readonly hooks: readonly string[] }
  | { readonly kind: 'unknown'; readonly isListed: boolean };

export interface TrustFacts {
  /** Undefined while nothing is served. */
  readonly verdict: TrustVerdict | undefined;
  /** Why there is no certificate; undefined when nothing is wrong. */
  readonly problem: string | undefined;
  /** Milliseconds since the start of this replica. */
  readonly sinceStartMs: number;
}

/** Milliseconds to wait for the first list of the webhook configurations; the other lists take no longer. */
const firstListMs = 30_000;

/**
 * Sentences for readiness; empty = reviews can be sent here.
 * What is unknown does not count, except for the first moments after a start: a replica that takes the place of a
 * trusted one should know that it is trusted as well.
 */
export function trustFaults({ verdict, problem, sinceStartMs }: TrustFacts): readonly string[] {
  switch (verdict?.kind) {
    case undefined:
      return problem === undefined ? [] : [problem];
    case 'trusted':
      return [];
    case 'untrusted':
      return [`a caBundle that trusts the served certificate in ${verdict.hooks.join(', ')}`];
    case 'unknown':
      return verdict.isListed || sinceStartMs >= firstListMs
        ? []
        : ['the list of our webhook configurations'];
    default:
      return verdict satisfies never;
  }
}
