/** From a step of the plan to what the Secret holds after it. */
import { issueLeaf, makeAuthority } from './authority.ts';
import { readAuthority, readLeaf, type Authority, type KeyRing, type Leaf } from './key-ring.ts';
import {
  coversHost,
  isLive,
  issuerOf,
  unique,
  type CertificateView,
} from './plan/certificate-view.ts';
import type { Lives } from './plan/lives.ts';
import {
  isNeeded,
  type LeafView,
  type RotationState,
  type RotationStep,
} from './plan/plan-rotation.ts';

export interface RingFacts {
  readonly ring: KeyRing;
  /** What this process serves. */
  readonly inHand: Leaf | undefined;
  /** Authorities that are or were trusted, wherever we know them from. */
  readonly known: readonly CertificateView[];
  readonly hosts: readonly string[];
  /** Unix seconds. */
  readonly nowS: number;
}

/** The ring as the plan sees it. A stored leaf that cannot be served gives way to the one in hand. */
export function rotationState(facts: RingFacts): RotationState {
  const { ring } = facts;
  const leaf = leafView(facts);
  return {
    ...(leaf === undefined ? {} : { leaf }),
    ...(ring.signer === undefined ? {} : { signer: ring.signer.view }),
    ...(ring.next === undefined ? {} : { next: ring.next.view }),
    pastAuthorities: ring.past.filter((each) => each.isAuthority),
    pastLeaves: ring.past.filter((each) => !each.isAuthority).map((each) => signed(each, facts)),
  };
}

/** What the Secret holds once the step is done. Makes keys, touches nothing. */
export async function ringAfter(
  step: Exclude<RotationStep, 'keep'>,
  facts: RingFacts & { readonly lives: Lives },
): Promise<Omit<KeyRing, 'faults'>> {
  const { ring } = facts;
  const before = { ...ring, leaf: leafInUse(facts) };
  switch (step) {
    case 'begin':
      return withLeaf({ ...before, next: undefined, signer: await newAuthority(facts) }, facts);
    case 'make_next':
      return remembering({ ...before, next: await newAuthority(facts) }, facts);
    case 'promote':
      return withLeaf({ ...before, signer: ring.next, next: undefined }, facts);
    case 'issue_leaf':
      return withLeaf(before, facts);
    case 'store_leaf':
    case 'drop_past':
      return remembering(before, facts);
    default:
      return step satisfies never;
  }
}

type Ring = Omit<KeyRing, 'faults'>;

/** A new leaf by the signer. */
async function withLeaf(ring: Ring, facts: RingFacts & { readonly lives: Lives }): Promise<Ring> {
  const { hosts, nowS, lives } = facts;
  if (ring.signer === undefined) throw new TypeError('planned to sign without an authority');
  const made = await issueLeaf(ring.signer, hosts, { nowS, lifeS: lives.leafS });
  return remembering({ ...ring, leaf: readLeaf(made) }, facts);
}

async function newAuthority({ nowS, lives }: RingFacts & { lives: Lives }): Promise<Authority> {
  return readAuthority(await makeAuthority({ nowS, lifeS: lives.authorityS }));
}

/** Keeps, in the past, every authority that signs no more but has a leaf that may still be served, and that leaf. */
function remembering(after: Ring, facts: RingFacts): Ring {
  const { nowS, ring } = facts;
  const used = leafInUse(facts);
  const keyed = [after.signer, after.next].map((each) => each?.view.fingerprint);
  const isPast = (each: CertificateView): boolean => !keyed.includes(each.fingerprint);
  const leaves = [...ring.past.filter((each) => !each.isAuthority), ...(used ? [used.view] : [])];
  const authorities = unique(knownAuthorities(facts)).filter(isPast);
  const living = unique(leaves).filter(
    (leaf) => leaf.notAfter > nowS && issuerOf(leaf, authorities) !== undefined,
  );
  const state = {
    pastAuthorities: authorities,
    pastLeaves: living.map((each) => signed(each, facts)),
  };
  const needed = authorities.filter((each) => isNeeded(each, state, nowS));
  return { ...after, past: [...needed, ...living] };
}

function leafInUse({ ring, inHand, nowS }: RingFacts): Leaf | undefined {
  if (ring.leaf !== undefined && isLive(ring.leaf.view, nowS)) return ring.leaf;
  return inHand !== undefined && isLive(inHand.view, nowS) ? inHand : undefined;
}

function leafView(facts: RingFacts): LeafView | undefined {
  const leaf = leafInUse(facts);
  if (leaf === undefined) return undefined;
  return {
    ...signed(leaf.view, facts),
    coversHosts: facts.hosts.every((host) => coversHost(leaf.view, host)),
    isStored: leaf.view.fingerprint === facts.ring.leaf?.view.fingerprint,
  };
}

function signed(
  certificate: CertificateView,
  facts: RingFacts,
): { notBefore: number; notAfter: number; signedBy: string | undefined } {
  const { notBefore, notAfter } = certificate;
  const signer = issuerOf(certificate, knownAuthorities(facts));
  return { notBefore, notAfter, signedBy: signer?.fingerprint };
}

function knownAuthorities({ ring, known }: RingFacts): readonly CertificateView[] {
  const keyed = [ring.signer, ring.next].flatMap((each) => (each === undefined ? [] : [each.view]));
  return [...keyed, ...ring.past.filter((each) => each.isAuthority), ...known];
}
