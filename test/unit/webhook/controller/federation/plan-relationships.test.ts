import { expect, test } from 'vitest';
import {
  planRelationships,
  type RecordedRelationship,
  type RelationshipInput,
  type WantedRelationship,
} from '../../../../../webhook/controller/federation/plan-relationships.ts';

const wanted: WantedRelationship = {
  trustDomain: 'b.test',
  bundleEndpoint: 'https://b.test',
  profile: { kind: 'https_spiffe', endpointSpiffeId: 'spiffe://b.test/spire/server' },
  bundle: '{}',
  digest: 'new',
};
const { bundle: _bundle, digest: _digest, ...there } = wanted;
const spared = { ...wanted, bundle: undefined };
const ours = (record: Partial<RecordedRelationship> = {}): RelationshipInput['recorded'] =>
  new Map([['b.test', { bundle: 'new', hadBundle: false, ...record }]]);
const none = new Set<string>();
const bundles = new Set(['b.test']);
const plan = (input: Partial<RelationshipInput>): ReturnType<typeof planRelationships> =>
  planRelationships({ wanted: [wanted], existing: [], bundles, recorded: new Map(), ...input });
const steps = (input: Partial<RelationshipInput>): unknown => plan(input).steps;

test('one that is missing is made, with its bundle where SPIRE has none', () => {
  expect(steps({ bundles: none })).toEqual([{ kind: 'create', relationship: wanted }]);
  expect(steps({})).toEqual([{ kind: 'create', relationship: spared }]);
  expect(steps({ recorded: ours() })).toEqual([{ kind: 'create', relationship: spared }]);
});

test('one of ours that is as configured is let be', () => {
  expect(steps({ existing: [there], recorded: ours() })).toEqual([]);
});

test.each([
  ['endpoint', { bundleEndpoint: 'https://c.test' }],
  ['profile', { profile: { kind: 'https_web' } as const }],
  [
    'SPIFFE ID',
    { profile: { kind: 'https_spiffe', endpointSpiffeId: 'spiffe://b.test/x' } as const },
  ],
])('one of ours with another %s is updated, without the bundle', (_what, change) => {
  const existing = [{ ...there, ...change }];
  expect(steps({ existing, recorded: ours() })).toEqual([{ kind: 'update', relationship: spared }]);
});

test('the bundle is given again where SPIRE lost it, and where the configured one is another', () => {
  const update = [{ kind: 'update', relationship: wanted }];
  expect(steps({ existing: [there], recorded: ours(), bundles: none })).toEqual(update);
  expect(steps({ existing: [there], recorded: ours({ bundle: 'old' }) })).toEqual(update);
});

test('one of others is left alone, and told of only where it is another', () => {
  expect(plan({ existing: [there] })).toEqual({ steps: [], foreign: [] });
  const other = { ...there, bundleEndpoint: 'https://c.test' };
  expect(plan({ existing: [other] })).toEqual({ steps: [], foreign: ['b.test'] });
  expect(plan({ wanted: [], existing: [there] })).toEqual({ steps: [], foreign: [] });
});

test.each([
  ['with its bundle', { existing: [there], recorded: ours() }, true, true],
  [
    'without one that was there before',
    { existing: [there], recorded: ours({ hadBundle: true }) },
    true,
    false,
  ],
  ['when only the bundle is left', { recorded: ours() }, false, true],
  ['when only the record is left', { recorded: ours(), bundles: none }, false, false],
])('one of ours that is not configured goes %s', (...[, input, isThere, withBundle]) => {
  expect(steps({ wanted: [], ...input })).toEqual([
    { kind: 'delete', trustDomain: 'b.test', isThere, withBundle },
  ]);
});
