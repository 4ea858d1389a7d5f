/** What can be said of a workload by its labels alone, where several installations are there. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { InstalledRevisions } from '../checks/installed-revisions.ts';
import type { Engine } from '../injection/inject.ts';
import { revisionInStatus } from '../injection/status.ts';
import { locate, type Located } from '../request/locate.ts';
import { statusKey } from '../request/metadata-keys.ts';
import { asksForNothing } from '../request/read-annotations.ts';
import { chosenRevision, installationWords, noRevision, revisionIn } from '../request/revision.ts';

export interface RevisionsInForce {
  readonly installed: InstalledRevisions;
  /** What a namespace's label names. */
  readonly ofNamespace: (namespace: string) => string | undefined;
}

/** As the decision of an engine would be. */
export interface VerdictByRevision {
  readonly kind: 'injected' | 'refused' | 'unchanged';
  readonly why: { readonly id: string; readonly message: string } | undefined;
}

/** Undefined where the engine in force is to judge: it is its own revision's, and was not injected by another one. */
export function judgeByRevision(
  object: JsonObject,
  {
    engine,
    revisions,
  }: { readonly engine: Engine; readonly revisions?: RevisionsInForce | undefined },
): VerdictByRevision | undefined {
  const located = locate(object, '');
  if (located === undefined || revisions === undefined || revisions.installed.all.length === 0)
    return undefined;
  const injector = injectorOf(located);
  if (injector === undefined && asksForNothing(located.template)) return undefined;
  const named = chosenRevision(
    revisionIn(objectAt(located.template, 'metadata')),
    revisions.ofNamespace(located.namespace),
  );
  const { all, byDefault } = revisions.installed;
  const chosen = named === noRevision ? byDefault : named;
  if (chosen === undefined || !all.some(({ name }) => name === chosen)) return lost(named);
  return judgeChosen({ chosen, injector, own: engine.revision ?? noRevision });
}

/** Of one whose revision is there. */
function judgeChosen(facts: {
  readonly chosen: string;
  readonly injector: string | undefined;
  /** Of the engine in force. */
  readonly own: string;
}): VerdictByRevision | undefined {
  const { chosen, injector, own } = facts;
  if (injector !== undefined && injector !== chosen) {
    const message = `was injected by ${installationWords(injector)}, and is for ${installationWords(chosen)} now`;
    return { kind: 'injected', why: { id: 'other_revision', message } };
  }
  if (chosen === own) return undefined;
  if (injector === undefined) return { kind: 'injected', why: undefined };
  const message = `is of ${installationWords(chosen)}: svidecar check --revision compares its settings`;
  return { kind: 'unchanged', why: { id: 'other_revision', message } };
}

function injectorOf({ template }: Located): string | undefined {
  const text = stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey);
  return text === undefined ? undefined : revisionInStatus(text);
}

function lost(named: string): VerdictByRevision {
  const message =
    named === noRevision
      ? 'names no revision, and no installation is the default, so its pods are refused'
      : `is for revision ${named}, which is not installed, so its pods are refused`;
  return { kind: 'refused', why: { id: 'revision_unknown', message } };
}
