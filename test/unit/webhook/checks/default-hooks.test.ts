/** The object that says which revision is the default, when it has lost its hooks: it calls nobody, and that is said. */
import { expect, test } from 'vitest';
import { installedRevisions } from '../../../../webhook/checks/installed-revisions.ts';
import { defaultConfiguration } from '../../../../webhook/request/revision-hooks.ts';
import { enabled, factsWith, findingsOf, namespace } from '../../../fakes/check-facts.ts';
import { hooksBy } from '../../../fakes/revisions.ts';

const lost = { ...defaultConfiguration(hooksBy('canary'), 'canary'), webhooks: [] };

const scenes: readonly (readonly [readonly string[], string | undefined, readonly string[]])[] = [
  [
    ['', 'canary'],
    '',
    ['it has no hooks, so the installation without a name injects what names no revision'],
  ],
  [
    ['canary'],
    undefined,
    [
      'it has no hooks, so nobody injects what names no revision, and its pods are refused',
      'names no revision, and no installation is the default',
    ],
  ],
  [
    [''],
    '',
    [
      'makes revision canary the default, which is not installed (there are: the one without a name): the installation without a name injects',
    ],
  ],
];

test.each(scenes)('beside %j', (installed, byDefault, said) => {
  const hooks = [...installed.flatMap(hooksBy), lost];
  expect(installedRevisions(hooks.map((object) => ({ object }))).byDefault).toBe(byDefault);
  const facts = factsWith({ hooks, namespaces: [namespace('shop', enabled)] });
  const told = (['webhook_configured', 'revision_served'] as const).flatMap((id) =>
    findingsOf(id, facts),
  );
  expect(told.map(({ severity }) => severity)).toEqual(said.map(() => 'error'));
  expect(told.map(({ message }) => message)).toEqual(
    said.map((words) => expect.stringContaining(words) as unknown),
  );
  const [first] = told;
  expect(first?.where?.name).toBe('svidecar-default');
  expect(first?.hint).toContain('svidecar revision default');
});
