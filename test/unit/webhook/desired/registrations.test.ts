import { expect, test } from 'vitest';
import {
  wantedRegistrations,
  type IdentityGroup,
  type RegistrationFacts,
  type SpireFacts,
} from '../../../../webhook/desired/registrations.ts';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';

const empty: SpireFacts = {
  trustDomain: 'example.org',
  federated: new Set(),
  agents: [],
  privileged: new Set(),
};
const web = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' };
const api = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid: 'u2' };

function group(
  account: string,
  more: Partial<IdentityGroup> & { federatesWith?: string[] } = {},
): IdentityGroup {
  const { federatesWith = [], ...rest } = more;
  const identity = {
    spiffeId: `spiffe://example.org/ns/shop/sa/${account}`,
    selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', `k8s:sa:${account}`],
    federatesWith,
  };
  return { namespace: 'shop', wish: { kind: 'identity', identity }, workloads: [web], ...rest };
}

function facts(
  groups: readonly IdentityGroup[],
  more: Partial<RegistrationFacts> = {},
): RegistrationFacts {
  return {
    namespace: 'shop',
    standing: 'acts',
    groups,
    config: checkConfig({}, 'config.yaml'),
    spire: { ...empty, federated: new Set(['a.test']) },
    maxEntries: 10,
    ...more,
  };
}

test('an identity is one entry under the alias of the agents, and never more than a plain workload', () => {
  const { entries, problems } = wantedRegistrations(facts([group('web')]));
  expect(problems).toEqual([]);
  expect(entries.map(({ entry }) => entry)).toMatchObject([
    {
      parentId: 'spiffe://example.org/ns/spire/sa/spire-agent',
      hint: '',
      dnsNames: [],
      isAdmin: false,
      isDownstream: false,
      storesSvid: false,
      isPrefetched: false,
    },
  ]);
});

test('with parent: agents it is one under each agent; without agents that is told', () => {
  const config = checkConfig(
    { entries: { parent: 'agents', hint: 'h', jwtSvidTtlSeconds: 60 } },
    'c',
  );
  const agents = ['spiffe://example.org/agent/1', 'spiffe://example.org/agent/2'];
  const spire = { ...empty, agents };
  const { entries } = wantedRegistrations(facts([group('web')], { config, spire }));
  expect(entries.map(({ entry }) => entry.parentId)).toEqual(agents);
  expect(entries).toMatchObject([{ entry: { hint: 'h', jwtSvidTtlS: 60 } }, {}]);
  const none = wantedRegistrations(
    facts([group('web')], { config, spire: { ...spire, agents: [] } }),
  );
  expect(none.problems).toMatchObject([{ reason: 'RegistrationAwaited', workloads: [web] }]);
});

test('workloads of one identity federate with what any of them names; pods of an earlier template do not count', () => {
  const all = [
    group('web', { federatesWith: ['a.test'] }),
    group('web', { federatesWith: [], workloads: [api] }),
  ];
  const { entries } = wantedRegistrations(facts(all));
  expect(entries).toMatchObject([{ entry: { federatesWith: ['a.test'] }, workloads: [web, api] }]);
  const rolledOut = [group('web', { federatesWith: ['a.test'], workloads: [] }), group('web')];
  expect(wantedRegistrations(facts(rolledOut)).entries).toMatchObject([
    { entry: { federatesWith: [] } },
  ]);
});

test('a trust domain whose bundle SPIRE does not have is left out, and told', () => {
  const groups = [group('web', { federatesWith: ['a.test', 'b.test', 'example.org'] })];
  const { entries, problems } = wantedRegistrations(facts(groups));
  expect(entries).toMatchObject([{ entry: { federatesWith: ['a.test'] } }]);
  expect(problems).toMatchObject([{ reason: 'FederationAwaited', workloads: [web] }]);
  expect(problems[0]?.message).toContain('b.test');
});

test("an identity of another trust domain than the server's is refused, and told", () => {
  const spire = { ...empty, trustDomain: 'other.org' };
  const { entries, problems } = wantedRegistrations(facts([group('web')], { spire }));
  expect(entries).toEqual([]);
  expect(problems).toMatchObject([{ reason: 'RegistrationRefused' }]);
});

test("nobody is registered under an administrator's SPIFFE ID, however it came to it", () => {
  const spire = { ...empty, privileged: new Set(['spiffe://example.org/ns/shop/sa/web']) };
  const { entries, problems } = wantedRegistrations(facts([group('web'), group('api')], { spire }));
  expect(entries.map(({ entry }) => entry.spiffeId)).toEqual([
    'spiffe://example.org/ns/shop/sa/api',
  ]);
  expect(problems).toMatchObject([{ reason: 'RegistrationRefused', workloads: [web] }]);
});

test('a wish that may not be is told, and one that is unclear keeps everything that is there', () => {
  const refused = group('web', { wish: { kind: 'refused', why: 'because' } });
  const unclear = group('api', { wish: { kind: 'unclear', why: 'because' } });
  expect(wantedRegistrations(facts([refused]))).toMatchObject({ isClear: true, entries: [] });
  expect(wantedRegistrations(facts([refused, unclear]))).toMatchObject({
    isClear: false,
    problems: [{ reason: 'RegistrationRefused', message: 'because' }],
  });
});

test.each(['ignored', 'not_labelled'] as const)(
  'in a namespace that is %s nothing is made, and what its workloads use is kept',
  (standing) => {
    const id = wantedRegistrations(facts([group('web')])).entries[0]?.entry.id;
    const wanted = wantedRegistrations(facts([group('web')], { standing }));
    expect(wanted).toMatchObject({ entries: [], problems: [] });
    expect([...wanted.kept]).toEqual([id]);
  },
);

test('a namespace has no more entries than it may, and always the same ones', () => {
  const groups = ['a', 'b', 'c', 'd'].map((account) => group(account));
  const some = wantedRegistrations(facts(groups, { maxEntries: 2 }));
  const reversed = wantedRegistrations(facts(groups.toReversed(), { maxEntries: 2 }));
  expect(some.entries).toHaveLength(2);
  expect(reversed.entries).toEqual(some.entries);
  expect(some.problems).toMatchObject([{ reason: 'RegistrationRefused' }]);
});
