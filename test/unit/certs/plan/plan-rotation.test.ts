import { describe, expect, test } from 'vitest';
import {
  planRotation,
  type LeafView,
  type RotationState,
  type RotationStep,
} from '../../../../certs/plan/plan-rotation.ts';

/** Seconds: leaves live 90, authorities 270; both are due at two thirds. */
const lives = { leafS: 90, authorityS: 270, settleS: 5 };
const t0 = 1_800_000_000;
const authority = (
  fingerprint: string,
  from = 0,
  lifeS = 270,
): NonNullable<RotationState['signer']> => ({
  fingerprint,
  notBefore: t0 + from,
  notAfter: t0 + from + lifeS,
});
const leaf = (changed: Partial<LeafView> & { from?: number; lifeS?: number } = {}): LeafView => {
  const { from = 0, lifeS = 90, ...rest } = changed;
  return {
    notBefore: t0 + from,
    notAfter: t0 + from + lifeS,
    signedBy: 'a',
    coversHosts: true,
    isStored: true,
    ...rest,
  };
};
const state = (changed: Partial<RotationState> = {}): RotationState => ({
  leaf: leaf(),
  signer: authority('a'),
  pastAuthorities: [],
  pastLeaves: [],
  ...changed,
});
const without = (key: 'leaf' | 'signer', changed: Partial<RotationState> = {}): RotationState => {
  const { [key]: _left, ...rest } = state(changed);
  return rest;
};
const nothing: RotationState = { pastAuthorities: [], pastLeaves: [] };

function plan(from: RotationState, atS: number, confirmed: readonly string[] = []): RotationStep {
  return planRotation(from, {
    nowS: t0 + atS,
    lives,
    isConfirmed: (fingerprint) => confirmed.includes(fingerprint),
  });
}

type Row = [
  name: string,
  state: RotationState,
  atS: number,
  confirmed: string[],
  step: RotationStep,
];

describe('a leaf', () => {
  test.each<Row>([
    ['is kept while it is young', state(), 59, [], 'keep'],
    [
      'is renewed at two thirds of its life, by the authority it has',
      state(),
      60,
      [],
      'issue_leaf',
    ],
    ['is renewed late, when the timer was missed', state(), 89, [], 'issue_leaf'],
    ['is made anew once it has ended, however long ago', state(), 200, [], 'issue_leaf'],
    [
      'is made anew when the clock went back to before it begins',
      state({ leaf: leaf({ from: 50 }) }),
      40,
      [],
      'issue_leaf',
    ],
    [
      'is renewed when it lives longer than what is set now',
      state({ leaf: leaf({ lifeS: 900 }) }),
      60,
      [],
      'issue_leaf',
    ],
    [
      'is kept when it lives shorter than what is set now, until its own two thirds',
      state({ leaf: leaf({ lifeS: 60 }) }),
      39,
      [],
      'keep',
    ],
    [
      'is renewed when it lacks a host',
      state({ leaf: leaf({ coversHosts: false }) }),
      1,
      [],
      'issue_leaf',
    ],
    [
      'is made anew where the Secret has none',
      state({ leaf: leaf({ isStored: false }) }),
      1,
      [],
      'issue_leaf',
    ],
    [
      'of a stranger stays until the signer is trusted',
      state({ leaf: leaf({ signedBy: undefined }) }),
      1,
      [],
      'keep',
    ],
    [
      'of a stranger gives way once the signer is trusted',
      state({ leaf: leaf({ signedBy: undefined }) }),
      1,
      ['a'],
      'issue_leaf',
    ],
    [
      'of an earlier authority gives way once the signer is trusted',
      state({ leaf: leaf({ signedBy: 'z' }) }),
      1,
      ['a'],
      'issue_leaf',
    ],
    ['is made by a stored authority when there is none', without('leaf'), 1, [], 'issue_leaf'],
  ])('%s', (...[, from, atS, confirmed, step]: Row) => {
    expect(plan(from, atS, confirmed)).toBe(step);
  });
});

const next = authority('b', 180);
const late = leaf({ from: 180 });

describe('an authority', () => {
  test.each<Row>([
    ['and a leaf are made at once where there is nothing', nothing, 0, [], 'begin'],
    ['is kept while it is young', state({ leaf: leaf({ from: 170 }) }), 179, ['a'], 'keep'],
    ['gets a successor at two thirds of its life', state({ leaf: late }), 180, ['a'], 'make_next'],
    [
      'gets a successor late, when the timer was missed',
      state({ leaf: leaf({ from: 260 }) }),
      265,
      [],
      'make_next',
    ],
    [
      'signs nothing before it is trusted everywhere',
      state({ leaf: late, next }),
      190,
      ['a'],
      'keep',
    ],
    [
      'signs once it is trusted everywhere',
      state({ leaf: late, next }),
      190,
      ['a', 'b'],
      'promote',
    ],
    [
      'that waits does not keep the old one from renewing the leaf',
      state({ leaf: late, next }),
      245,
      ['a'],
      'issue_leaf',
    ],
    [
      'that waits does not sign either when the old one has ended but its leaf has not',
      state({ leaf: leaf({ from: 260 }), next }),
      271,
      [],
      'keep',
    ],
    [
      'that waits signs when the old one and its leaf have ended: nothing can be lost',
      state({ next }),
      271,
      [],
      'promote',
    ],
    ['that was lost is replaced while its leaf is served', without('signer'), 1, [], 'make_next'],
    [
      'that was lost is replaced, and the leaf that is only in hand is stored meanwhile',
      without('signer', { leaf: leaf({ isStored: false }), next: authority('b') }),
      1,
      [],
      'store_leaf',
    ],
    ['begins anew when it and its leaf have ended', state(), 271, [], 'begin'],
    ['begins anew when the clock went back to before all of it', state(), -1, [], 'begin'],
    [
      'from the future does not sign',
      state({ leaf: late, next: authority('b', 500) }),
      190,
      ['b'],
      'make_next',
    ],
  ])('%s', (...[, from, atS, confirmed, step]: Row) => {
    expect(plan(from, atS, confirmed)).toBe(step);
  });
});

const past = {
  pastAuthorities: [authority('z', -200)],
  pastLeaves: [{ notBefore: t0 - 50, notAfter: t0 + 40, signedBy: 'z' }],
};

describe('an authority that signs no more', () => {
  test.each<Row>([
    ['is remembered while its last leaf lives', state(past), 39, [], 'keep'],
    ['is forgotten when its last leaf has ended', state(past), 40, [], 'drop_past'],
    [
      'of which no leaf is known is forgotten',
      state({ ...past, pastLeaves: [] }),
      1,
      [],
      'drop_past',
    ],
    [
      'is remembered while the leaf in use is its',
      state({ ...past, pastLeaves: [], leaf: leaf({ signedBy: 'z' }) }),
      1,
      [],
      'keep',
    ],
  ])('%s', (...[, from, atS, confirmed, step]: Row) => {
    expect(plan(from, atS, confirmed)).toBe(step);
  });
});

test('with one-minute leaves every second of an hour has a leaf that is trusted and live', () => {
  let signer = authority('0');
  let next: RotationState['next'] = undefined;
  let current = leaf({ signedBy: '0', lifeS: 60 });
  let made = 0;
  let confirmedAt = new Map([['0', 0]]);
  const short = { leafS: 60, authorityS: 180, settleS: 5 };
  signer = { ...signer, notAfter: t0 + 180 };
  for (let s = 0; s < 3_600; s += 1) {
    const view: RotationState = {
      ...nothing,
      leaf: current,
      signer,
      ...(next === undefined ? {} : { next }),
    };
    const step = planRotation(view, {
      nowS: t0 + s,
      lives: short,
      isConfirmed: (fingerprint) => s - (confirmedAt.get(fingerprint) ?? s) >= short.settleS,
    });
    if (step === 'make_next') {
      made += 1;
      next = authority(String(made), s, 180);
      confirmedAt = new Map([...confirmedAt, [String(made), s]]);
    } else if (step === 'promote' && next !== undefined) {
      [signer, next] = [next, undefined];
      current = leaf({ from: s, lifeS: 60, signedBy: signer.fingerprint });
    } else if (step === 'issue_leaf') {
      current = leaf({ from: s, lifeS: 60, signedBy: signer.fingerprint });
    }
    expect(['keep', 'make_next', 'promote', 'issue_leaf']).toContain(step);
    expect(current.notAfter).toBeGreaterThan(t0 + s);
    expect(s - (confirmedAt.get(current.signedBy ?? '') ?? s)).toBeGreaterThanOrEqual(
      made === 0 ? 0 : 5,
    );
  }
  expect(made).toBeGreaterThan(25);
});
