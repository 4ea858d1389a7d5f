/** What `svidecar revision default` takes for a revision that can be copied from. */
import { expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { installedRevisions } from '../../../../webhook/checks/installed-revisions.ts';
import { revisionToChoose } from '../../../../webhook/cli/revision-to-choose.ts';
import { hooksBy } from '../../../fakes/revisions.ts';

const authority = 'QQ==';

/** @param gone the name of a hook that somebody took away */
function chosen(revision: string, gone?: string, caBundle = authority): readonly JsonObject[] {
  const hooks = hooksBy(revision).map((each) => {
    const webhooks = listAt(each, 'webhooks')
      .filter(isObject)
      .filter((hook) => stringAt(hook, 'name') !== gone)
      .map((hook) => ({ ...hook, clientConfig: { ...objectAt(hook, 'clientConfig'), caBundle } }));
    return { ...each, webhooks };
  });
  const others = hooksBy(revision === '' ? 'next' : '');
  const subjects = [...hooks, ...others].map((object) => ({ object }));
  return revisionToChoose(installedRevisions(subjects), revision).configurations;
}

test.each(['', 'canary'])('%j with all hooks is one', (revision) => {
  expect(chosen(revision)).toHaveLength(2);
});

test.each([
  ['canary', 'workloads.svidecar.dev'],
  ['canary', 'pods.svidecar.dev'],
  ['canary', 'labelled-pods.svidecar.dev'],
  ['canary', 'pod-updates.svidecar.dev'],
  ['', 'workloads.svidecar.dev'],
  ['', 'pods.svidecar.dev'],
])('%j without its hook %s is none', (revision, gone) => {
  expect(() => chosen(revision, gone)).toThrow(
    `are not complete: there is no ${gone}; apply its manifests again`,
  );
});

test('one that the API server would not trust is none', () => {
  expect(() => chosen('canary', undefined, '')).toThrow('have no caBundle yet');
});
