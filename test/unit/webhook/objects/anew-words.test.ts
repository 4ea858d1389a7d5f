import { describe, expect, it, test } from 'vitest';
import { anewWords, type RenewedWorkload } from '../../../../webhook/objects/anew-words.ts';
import { workloadKinds } from '../../../../webhook/objects/kinds.ts';

const place = { name: 'a', namespace: 'shop' };

it('advises to delete only what is put back: never a controller that svidecar does not know', () => {
  expect(anewWords({ kind: 'Rollout', ...place })).toContain('as its own controller does');
  for (const kind of ['Rollout', 'CronJob', 'Deployment', '__proto__'])
    expect(anewWords({ kind, ...place }), kind).not.toContain('delete');
  for (const { kind } of workloadKinds)
    expect(anewWords({ kind, ...place })).not.toContain('does not restart');
});

describe('what makes pods anew, where their template is stored with its injection', () => {
  test.each<[Omit<RenewedWorkload, 'name' | 'namespace'>, string]>([
    [{ kind: 'Deployment' }, 'kubectl rollout restart deployment/a -n shop'],
    [
      { kind: 'Deployment', hold: { kind: 'paused' } },
      'kubectl rollout resume deployment/a -n shop, then kubectl rollout restart deployment/a -n shop',
    ],
    [
      { kind: 'Deployment', hold: { kind: 'paused' }, isCurrent: true },
      'kubectl rollout resume deployment/a -n shop',
    ],
    [
      { kind: 'StatefulSet', hold: { kind: 'partition', pods: 2 } },
      'kubectl rollout restart statefulset/a -n shop; then, since its partition keeps pods below number 2 as they are: lower spec.updateStrategy.rollingUpdate.partition',
    ],
    [
      { kind: 'StatefulSet', hold: { kind: 'partition', pods: 2 }, isCurrent: true },
      'its partition keeps pods below number 2 as they are: lower spec.updateStrategy.rollingUpdate.partition',
    ],
    [
      { kind: 'DaemonSet', hold: { kind: 'on_delete' } },
      'kubectl rollout restart daemonset/a -n shop; then, since its update strategy is OnDelete: delete its pods one by one',
    ],
    [
      { kind: 'ReplicaSet' },
      `kubectl patch replicaset/a -n shop --type merge -p '{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"'$(date +%s)'"}}}}}', so that its pod template is injected anew; then delete its pods one after the other`,
    ],
    [
      { kind: 'ReplicaSet', isCurrent: true },
      'delete its pods one after the other, and it makes new ones',
    ],
    [
      { kind: 'CronJob' },
      `kubectl patch cronjob/a -n shop --type merge -p '{"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"'$(date +%s)'"}}}}}}}', so that its pod template is injected anew; its next run makes new pods`,
    ],
    [{ kind: 'CronJob', isCurrent: true }, 'wait for its next run, which makes new pods'],
    [{ kind: 'Job' }, 'wait until it ends, or delete it and create it again'],
    [
      { kind: 'Job', madeBy: { kind: 'CronJob', name: 'nightly' } },
      'wait until it ends: the next run of CronJob nightly makes new pods',
    ],
    [{ kind: 'Pod' }, 'delete it, and apply its own manifest again'],
  ])('%j', (workload, words) => {
    expect(anewWords({ ...place, ...workload })).toBe(words);
  });
});
