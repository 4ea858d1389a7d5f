import { expect, test } from 'vitest';
import { known, resourceNames, type ClusterFacts } from '../../../../webhook/checks/facts.ts';
import { connect } from '../../../../webhook/kube/connection.ts';
import { askProbe } from '../../../../webhook/survey/ask-api-server.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { namespace } from '../../../fakes/check-facts.ts';

const nothing = Object.fromEntries(
  resourceNames.map((name) => [name, known([])]),
) as ClusterFacts['objects'];

test.each([
  [
    'may not be listed',
    { kind: 'unknown', reasons: ['not allowed to list namespaces'] },
    'unknown',
  ],
  ['have no label', known([{ object: namespace('shop') }]), 'not_asked'],
] as const)('where namespaces %s, no Pod is sent', async (_what, namespaces, kind) => {
  const answer = await askProbe({
    // Nobody listens there.
    api: await connect({ kind: 'explicit', url: 'http://127.0.0.1:1' }),
    namespace: undefined,
    nowMs: 0,
    engines: { isGiven: true, make: (minor) => engineFor({}, minor) },
    spire: { kind: 'not_asked', reason: '' },
    workloadApi: { kind: 'not_asked', reason: '' },
    asksHelpers: false,
    asksProxies: false,
    signal: new AbortController().signal,
    objects: { ...nothing, namespaces },
    ownNamespace: 'svidecar',
    judgedBy: '',
  });
  expect(answer.kind).toBe(kind);
  if (kind === 'unknown') expect(answer).toMatchObject({ reason: namespaces.reasons[0] });
});
