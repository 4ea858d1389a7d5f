import { expect, test } from 'vitest';
import {
  leavingOf,
  relationshipCounts,
  type RelationshipState,
} from '../../../../../webhook/controller/federation/relationship-keeper.ts';
import {
  checkConfig,
  type InjectorConfig,
} from '../../../../../webhook/request/injector-config.ts';

type Federation = InjectorConfig['federation'];

function federation(...trustDomains: readonly string[]): Federation {
  const each = trustDomains.map((trustDomain) => ({
    trustDomain,
    bundleEndpoint: `https://bundles.${trustDomain}`,
    profile: 'https_web',
  }));
  return checkConfig({ federation: each }, 'config.yaml').federation;
}

const [kept, foreign, refused] = federation('kept.org', 'foreign.org', 'refused.org');
if (kept === undefined || foreign === undefined || refused === undefined)
  throw new Error('three are configured');

/** A look at the three; one that went before is still there. */
const state: RelationshipState = {
  found: new Map([
    ['kept.org', { of: kept, standing: 'kept' }],
    ['foreign.org', { of: foreign, standing: 'foreign' }],
    ['refused.org', { of: refused, standing: 'awaited' }],
  ]),
  ours: new Set(['kept.org', 'gone.org']),
  problems: [],
};
const all = [kept, foreign, refused];
const elsewhere = { ...kept, bundleEndpoint: 'https://elsewhere.kept.org' };

test.each<[string, Federation, object]>([
  ['as it was looked at', all, { kept: 1, foreign: 1, awaited: 1, leaving: 1 }],
  ['one more', [...all, ...federation('new.org')], { kept: 1, foreign: 1, awaited: 2, leaving: 1 }],
  [
    'one of ours otherwise',
    [elsewhere, foreign, refused],
    { kept: 0, foreign: 1, awaited: 2, leaving: 1 },
  ],
  ['one of ours no more', [foreign, refused], { kept: 0, foreign: 1, awaited: 1, leaving: 2 }],
  ['nothing', [], { kept: 0, foreign: 0, awaited: 0, leaving: 2 }],
])('of a newer configuration: %s', (_name, configured, counts) => {
  expect(relationshipCounts(state, configured)).toEqual(counts);
  expect(leavingOf(state, configured).has('gone.org')).toBe(true);
});
