/** Which of several installations injects one object of a cluster, and the engine that decides as that one does. */
import { objectAt, stringAt } from '#kernel/json.ts';
import { metadataOf, subjectsOf, type LiveFacts } from '../checks/facts.ts';
import { installedRevisions } from '../checks/installed-revisions.ts';
import { engineOfRevision } from '../injection/engine-of-revision.ts';
import type { Engine } from '../injection/inject.ts';
import { revisionInStatus, type Status } from '../injection/status.ts';
import type { TraceStep } from '../injection/trace.ts';
import { locate } from '../request/locate.ts';
import { revisionLabel, statusKey } from '../request/metadata-keys.ts';
import { noRevision, revisionIn, revisionWords } from '../request/revision.ts';

interface Choice {
  readonly revision: string;
  readonly by: 'its pod template' | 'its namespace';
}

/** Undefined where no label says. */
function choiceIn({ object, namespace, namespaceLabels: labels }: LiveFacts): Choice | undefined {
  const template = locate(object, namespace)?.template;
  if (template === undefined) return undefined;
  const own = revisionIn(metadataOf(template));
  if (own !== undefined) return { revision: own, by: 'its pod template' };
  const theirs = labels.kind === 'known' ? stringAt(labels.value, revisionLabel) : undefined;
  return theirs === undefined ? undefined : { revision: theirs, by: 'its namespace' };
}

export type RevisionStep = TraceStep & { readonly id: 'revision_chosen' | 'revision_unknown' };

/** Undefined where no label says. */
export function revisionStep(live: LiveFacts): RevisionStep | undefined {
  const choice = choiceIn(live);
  if (choice === undefined) return undefined;
  const { revision, by } = choice;
  const byLabel = `the label ${revisionLabel} of ${by}`;
  const { hooks } = live;
  const installed = hooks?.kind === 'known' ? installedRevisions(subjectsOf(hooks)) : undefined;
  const isThere = installed?.all.some(({ name }) => name === revision && name !== noRevision);
  if (isThere === false)
    return {
      id: 'revision_unknown',
      level: 'warning',
      message: `${byLabel} names "${revision}", and no such revision is installed, so no webhook sees it, and its pods are refused: change the label (svidecar revision list); then these steps would follow:`,
    };
  return {
    id: 'revision_chosen',
    level: 'info',
    message: `revision ${revision} injects it, by ${byLabel}`,
  };
}

/** Of a manifest alone: who is installed is not known. Undefined where its labels choose no other one than is asked for. */
export function namedRevisionStep(status: Status, engine: Engine): RevisionStep | undefined {
  const revision = status.revision ?? noRevision;
  if (revision === (engine.revision ?? noRevision)) return undefined;
  return {
    id: 'revision_chosen',
    level: 'info',
    message: `the label ${revisionLabel} of its pod template, or else of its namespace, names ${revisionWords(revision)}: the steps are that one's, by the configuration at hand; whether it is installed is not known here (svidecar revision list)`,
  };
}

/** By the labels, or else by who injected it: another one's names would look like a change. */
export function asRevision(engine: Engine, live: LiveFacts): Engine {
  const template = locate(live.object, live.namespace)?.template;
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const status = stringAt(annotations, statusKey);
  const injector = status === undefined ? undefined : revisionInStatus(status);
  const revision = choiceIn(live)?.revision ?? injector ?? engine.revision ?? noRevision;
  return engineOfRevision(engine, revision);
}
