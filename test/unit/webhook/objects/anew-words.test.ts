import { expect, it } from 'vitest';
import { madeAnewWords } from '../../../../webhook/objects/anew-words.ts';
import { workloadKinds } from '../../../../webhook/objects/kinds.ts';

it('advises to delete only what is put back: never a controller that svidecar does not know', () => {
  expect(madeAnewWords('Rollout')).toContain('as its own controller does');
  for (const kind of ['Rollout', 'CronJob', 'Job', 'Deployment', '__proto__'])
    expect(madeAnewWords(kind), kind).not.toContain('delete');
  expect(madeAnewWords('Pod')).toContain('delete it and apply it again');
  expect(madeAnewWords('ReplicaSet')).toContain('delete its pods one after the other');
  for (const { kind } of workloadKinds)
    expect(madeAnewWords(kind)).not.toContain('does not restart');
});
