import { standingOf } from '../../../../webhook/request/namespace-standing.ts';
import { describe, expect, test } from 'vitest';
import {
  clippedNote,
  desiredEvents,
  eventName,
  renderedEvents,
  type EventFacts,
} from '../../../../webhook/desired/events.ts';
import { type ConfigMapUser, type ConfigMapProblem } from '../../../../webhook/desired/desired.ts';

const web = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' };
const quiet: EventFacts = {
  namespace: 'shop',
  injection: 'enabled',
  standing: 'acts',
  injected: [],
  askers: [],
  problems: [],
  registrations: [],
};
const refused = { kind: 'refused', trace: 'refused: no such template [TEMPLATE_UNKNOWN]' } as const;
const injectable = { kind: 'injectable', trace: 'templates_requested: jwt-inject' } as const;

function reasons(changes: Partial<EventFacts>): readonly string[] {
  const injection = 'injection' in changes ? changes.injection : quiet.injection;
  const standing = standingOf('shop', injection, new Set());
  return desiredEvents({ ...quiet, standing, ...changes }).map(
    ({ type, reason }) => `${type} ${reason}`,
  );
}

describe('events of a namespace', () => {
  test.each(['ignored', 'not_labelled'] as const)(
    'where svidecar does not act (%s), who carries a status is told so, and nothing of its text',
    (standing) => {
      const injected = [{ workload: web, isNews: true, summary: 'text of the status' }];
      const events = desiredEvents({ ...quiet, standing, injected });
      expect(events).toMatchObject([{ type: 'Warning', reason: 'Skipped', regarding: web }]);
      expect(events[0]?.note).toContain('neither created, changed nor removed');
      expect(events[0]?.note).not.toContain('text of the status');
    },
  );

  test('a fresh injection is told once for a workload, however many pods carry it; an old one is not', () => {
    const fresh = { workload: web, isNews: true, summary: 'jwt-inject' };
    expect(desiredEvents({ ...quiet, injected: [fresh, fresh] })).toEqual([
      {
        namespace: 'shop',
        regarding: web,
        type: 'Normal',
        reason: 'Injected',
        action: 'Inject',
        note: 'injected: injected jwt-inject',
      },
    ]);
    expect(reasons({ injected: [{ ...fresh, isNews: false }] })).toEqual([]);
  });

  test.each([
    ['enabled', refused, ['Warning Refused']],
    ['pod', refused, ['Warning Refused']],
    ['enabled', injectable, ['Warning NotInjected']],
    // Its pods are injected, so nothing is wrong with it.
    ['pod', injectable, []],
    [undefined, injectable, ['Warning Skipped']],
    [undefined, refused, ['Warning Skipped']],
    ['disabled', injectable, ['Warning Skipped']],
    ['enabled', { kind: 'skipped', trace: 'host_network: …' } as const, ['Warning Skipped']],
  ])('with label %s, %o is told as %j', (injection, verdict, expected) => {
    expect(reasons({ injection, askers: [{ self: web, verdict }] })).toEqual(expected);
  });

  test('a namespace without the label is named with the command that labels it', () => {
    const [event] = desiredEvents({
      ...quiet,
      injection: undefined,
      standing: 'not_labelled',
      askers: [{ self: web, verdict: injectable }],
    });
    expect(event?.note).toContain('namespace_not_labelled: ');
    expect(event?.note).toContain(
      'kubectl label namespace shop svidecar.dev/injection=enabled, then apply',
    );
  });

  test('a fault is told to the workload, not to each pod, and not for a ReplicaSet kept for a rollback', () => {
    const user = (kind: string, name: string, owner = web): ConfigMapUser => {
      return { namespace: 'shop', kind, name, owner, status: '{}' };
    };
    const old = { ...web, name: 'old', uid: 'u2' };
    const problem: ConfigMapProblem = {
      reason: 'EnvoyConfigMissing',
      message: 'ConfigMap shop/envoy is not there',
      users: [user('Deployment', 'web'), user('Pod', 'web-1'), user('ReplicaSet', 'old-1', old)],
    };
    const events = desiredEvents({ ...quiet, problems: [problem] });
    expect(events.map(({ regarding }) => regarding.name)).toEqual(['web']);
    expect(events[0]?.note).toBe('envoy_config_awaited: ConfigMap shop/envoy is not there');
  });

  test('a rendered copy is told with its changes, and anew for each version of its source', () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'envoy', uid: 'c1' };
    const configMap = {
      namespace: 'shop',
      name: 'envoy-svidecar-1',
      immutable: false,
      labels: {},
      annotations: {},
      owners: [owner],
      users: [{ namespace: 'shop', kind: 'Deployment', name: 'web', owner: web, status: '{}' }],
    };
    const changes = ['added a cluster'];
    const of = (sourceVersion: string): ReturnType<typeof renderedEvents> =>
      renderedEvents(configMap, { changes, warnings: [], sourceVersion, uid: 'c2' });
    const [first] = of('7');
    const [second] = of('8');
    expect(first?.note).toBe(
      'envoy_config_patched: wrote envoy-svidecar-1 from ConfigMap envoy, version 7\nenvoy_config_patched: added a cluster',
    );
    expect(first?.related?.uid).toBe('c2');
    expect(first && second && eventName(first) === eventName(second)).toBe(false);
    const warnings = Array.from({ length: 11 }, (_, index) => `a listener is open: ${index}`);
    const doubts = renderedEvents(configMap, { changes, warnings, sourceVersion: '9', uid: 'c2' });
    const told = doubts.filter(({ reason }) => reason === 'EnvoyConfigDoubtful');
    expect(told.map(({ type }) => type)).toEqual(Array(9).fill('Warning'));
    expect(told[0]?.note).toBe('envoy_warning: a listener is open: 0');
    expect(told.at(-1)?.note).toBe(
      'envoy_warning: 3 more warnings; svidecar explain shows all of them',
    );
  });
});

describe('the name of an event', () => {
  const event = desiredEvents({ ...quiet, askers: [{ self: web, verdict: refused }] })[0];

  test('follows from its contents', () => {
    expect(event && eventName(event)).toMatch(/^web\.svidecar\.[0-9a-f]{32}$/);
    expect(event && eventName({ ...event })).toBe(event && eventName(event));
  });

  test('is a name that Kubernetes takes, also for the longest workload', () => {
    const name = `${'a'.repeat(225)}.b-${'c'.repeat(20)}`;
    const long = event && eventName({ ...event, regarding: { ...web, name } });
    expect(long).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    expect(long?.length).toBeLessThanOrEqual(253);
  });
});

test('a note has at most 1,024 bytes and no half character', () => {
  expect(clippedNote('short')).toBe('short');
  const clipped = clippedNote('→'.repeat(400));
  expect(Buffer.byteLength(clipped)).toBeLessThanOrEqual(1_024);
  expect(clipped).toMatch(/^→+…$/);
});
