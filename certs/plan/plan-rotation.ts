/**
 * What to do next about authority and leaf, from the current state. Pure, and level-triggered: the same state gives the same
 * step, however it was reached, so a missed timer, a new leader or a repaired Secret needs no path of its own.
 *
 * Invariant: nothing is signed by an authority that is not confirmed in every caBundle, unless it signed the leaf in use,
 * or there is no leaf that could be served, so that nothing can be lost.
 */
import { isLive, type LifeView } from './certificate-view.ts';
import { dueAtS, type Lives } from './lives.ts';

export interface AuthorityView extends LifeView {
  readonly fingerprint: string;
}

export interface SignedView extends LifeView {
  /** Fingerprint of the authority; undefined when nobody knows it. */
  readonly signedBy: string | undefined;
}

export interface LeafView extends SignedView {
  /** Whether all hosts that it is wanted for are among its names. */
  readonly coversHosts: boolean;
  /** False when only this process has it. */
  readonly isStored: boolean;
}

export interface RotationState {
  /** The leaf in use, with its key. */
  readonly leaf?: LeafView;
  /** The authority that signs, with its key. */
  readonly signer?: AuthorityView;
  /** The one that will sign once it is trusted, with its key. */
  readonly next?: AuthorityView;
  /** Authorities that no longer sign. */
  readonly pastAuthorities: readonly AuthorityView[];
  /** The last leaf of each of them. */
  readonly pastLeaves: readonly SignedView[];
}

export interface RotationFacts {
  /** Unix seconds. */
  readonly nowS: number;
  readonly lives: Lives;
  /** Whether this authority has been in every caBundle for long enough. */
  readonly isConfirmed: (fingerprint: string) => boolean;
}

export type RotationStep =
  /** Nothing can be served: a new authority and a leaf of it, at once. */
  | 'begin'
  /** A new authority, which does not sign yet. */
  | 'make_next'
  /** The next authority becomes the one that signs, and signs a leaf. */
  | 'promote'
  | 'issue_leaf'
  /** The leaf in hand is written where it is missing. */
  | 'store_leaf'
  /** Authorities without a live leaf are forgotten. */
  | 'drop_past'
  | 'keep';

export function planRotation(state: RotationState, facts: RotationFacts): RotationStep {
  const { nowS } = facts;
  const signer = live(state.signer, nowS);
  const next = live(state.next, nowS);
  const leaf = live(state.leaf, nowS);
  if (leaf === undefined) return planBeginning(signer, next);
  if (next !== undefined && facts.isConfirmed(next.fingerprint)) return 'promote';
  if (next === undefined && isDue(signer, nowS, facts.lives.authorityS)) return 'make_next';
  return planLeaf(leaf, signer, facts) ?? planPast(state, nowS);
}

/** Nothing is served: whatever can sign signs now. */
function planBeginning(
  signer: AuthorityView | undefined,
  next: AuthorityView | undefined,
): RotationStep {
  if (signer !== undefined) return 'issue_leaf';
  return next === undefined ? 'begin' : 'promote';
}

function planLeaf(
  leaf: LeafView,
  signer: AuthorityView | undefined,
  facts: RotationFacts,
): RotationStep | undefined {
  const isOfSigner = signer !== undefined && leaf.signedBy === signer.fingerprint;
  const isGood = isOfSigner && leaf.coversHosts && leaf.isStored;
  if (isGood && !isDue(leaf, facts.nowS, facts.lives.leafS)) return undefined;
  const maySign = isOfSigner || (signer !== undefined && facts.isConfirmed(signer.fingerprint));
  if (maySign) return 'issue_leaf';
  return leaf.isStored ? undefined : 'store_leaf';
}

function planPast(state: RotationState, nowS: number): RotationStep {
  const isOver =
    state.pastLeaves.some((past) => past.notAfter <= nowS) ||
    state.pastAuthorities.some((past) => !isNeeded(past, state, nowS));
  return isOver ? 'drop_past' : 'keep';
}

/** Whether a leaf of it may still be served by somebody: then it must stay in every caBundle. */
export function isNeeded(authority: AuthorityView, state: RotationState, nowS: number): boolean {
  const leaves = [...(state.leaf === undefined ? [] : [state.leaf]), ...state.pastLeaves];
  return leaves.some((leaf) => leaf.signedBy === authority.fingerprint && leaf.notAfter > nowS);
}

function live<T extends LifeView>(life: T | undefined, nowS: number): T | undefined {
  return life !== undefined && isLive(life, nowS) ? life : undefined;
}

/** What is missing is due. */
function isDue(life: LifeView | undefined, nowS: number, setS: number): boolean {
  return life === undefined || nowS >= dueAtS(life, setS);
}
