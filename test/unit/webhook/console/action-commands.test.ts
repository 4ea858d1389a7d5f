import { describe, expect, it } from 'vitest';
import { actionText, claimFault } from '../../../../webhook/console/action-commands.ts';

const nobody = { context: undefined, kubeconfig: undefined };
const list = 'shop/svidecar-bans/bans.jsonl';

describe('the command of an action', () => {
  it('is what kubectl would be told, of the same cluster', () => {
    const action = {
      kind: 'restart',
      namespace: 'shop',
      workloadKind: 'StatefulSet',
      name: 'db',
    } as const;
    expect(
      actionText(action, { context: "jo's", kubeconfig: '/tmp/a b' }, undefined)?.command,
    ).toBe(
      String.raw`kubectl rollout restart statefulset/db -n shop --context 'jo'\''s' --kubeconfig '/tmp/a b'`,
    );
    expect(actionText({ ...action, workloadKind: 'Job' }, nobody, undefined)).toBeUndefined();
    expect(actionText({ ...action, workloadKind: '__proto__' }, nobody, undefined)).toBeUndefined();
  });

  it('never holds the value that is banned, and quotes what a shell would read', () => {
    const action = {
      kind: 'ban_add',
      list,
      claim: "/a'b",
      value: 'jo@example.org',
      for: '24h',
      reason: '$(id)',
    } as const;
    const text = actionText(action, nobody, list);
    expect(text?.command).toBe(
      String.raw`svidecar ban add '/a'\''b={value}' --for 24h --reason '$(id)' --configmap shop/svidecar-bans/bans.jsonl`,
    );
    expect(JSON.stringify(text)).not.toContain('jo@example.org');
    const lift = actionText({ kind: 'ban_lift', list, claim: 'sub', value: '42' }, nobody, list);
    expect(lift?.command).toBe(`svidecar ban remove 'sub={value}' --configmap ${list}`);
    expect(
      actionText({ kind: 'ban_lift_shown', list, ban: 'x' }, nobody, undefined),
    ).toBeUndefined();
  });

  it('is written for no claim that svidecar ban would take for something else', () => {
    for (const claim of ['a=b', '-rf', '{value}', 'x{value}y'])
      expect(claimFault(claim), claim).toContain('could not be told');
    for (const claim of ['sub', '/realm_access/roles/0', "jo's", 'a-b'])
      expect(claimFault(claim), claim).toBeUndefined();
  });
});
