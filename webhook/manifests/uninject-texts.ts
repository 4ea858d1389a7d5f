/** The inverse of {@link injectTexts}: what was injected is removed again, byte for byte. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { isManaged } from '../desired/desired.ts';
import { pointer } from '../editing/operation.ts';
import { nameOf } from '../admission/decide.ts';
import { uninject } from '../injection/inject.ts';
import { locate } from '../request/locate.ts';
import { statusOf, type Status } from '../injection/status.ts';
import { withoutAppended } from './appended-documents.ts';
import { sourceOf } from './decide-all.ts';
import { editDocument, joinTexts, type ObjectEdit } from './edit-stream.ts';
import {
  readManifest,
  type ManifestDocument,
  type ManifestObject,
  type SourceText,
} from './manifest.ts';
import { failureOf, problemAt, type InputProblem } from './input-problem.ts';

export interface Uninjection {
  readonly text: string;
  /** Workloads that were uninjected, as `Deployment shop/frontend`, with their place. */
  readonly workloads: readonly {
    readonly file: string;
    readonly line: number;
    readonly name: string;
    readonly templates: readonly string[];
  }[];
  readonly problems: readonly InputProblem[];
}

interface Undone {
  readonly document: ManifestDocument;
  readonly object: ManifestObject;
  readonly name: string;
  readonly namespace: string;
  readonly status: Status;
  readonly edit: ObjectEdit;
}

/** @param namespace of objects that name none */
export function uninjectTexts(sources: readonly SourceText[], namespace: string): Uninjection {
  const files = sources.map(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const edits = new Map<ManifestObject, ObjectEdit>();
  const problems: InputProblem[] = [];
  const undone = files.flat().flatMap((document) =>
    document.objects.flatMap((object): readonly Undone[] => {
      const found = undo(document, object, { namespace, problems });
      if (found === 'failed') edits.set(object, { kind: 'leave-out' });
      return found === undefined || found === 'failed' ? [] : [found];
    }),
  );
  for (const { object, edit } of undone) edits.set(object, edit);
  const names = madeNames(undone);
  for (const object of files.flat().flatMap(({ objects }) => objects)) {
    if (isMade(object.value, names, namespace)) edits.set(object, { kind: 'leave-out' });
  }
  const edited = files.map((file) => file.map((document) => editDocument(document, edits)));
  problems.push(...edited.flat().flatMap((document) => document.problems));
  const printed = new Set(
    edited.flat().flatMap(({ text, document }) => (text === undefined ? [] : [document])),
  );
  const isPrinted = ({ document }: Undone): boolean => printed.has(document);
  return {
    text: joinTexts(edited.map((file) => file.map(({ text }) => text ?? '').join(''))),
    workloads: undone.filter(isPrinted).map(({ document, object, name, status }) => ({
      file: document.source.name,
      line: object.line,
      name,
      templates: status.templates,
    })),
    problems,
  };
}

function undo(
  document: ManifestDocument,
  object: ManifestObject,
  context: { readonly namespace: string; readonly problems: InputProblem[] },
): Undone | 'failed' | undefined {
  const located = locate(object.value, context.namespace);
  if (located === undefined) return undefined;
  const name = nameOf(located);
  try {
    const status = statusOf(located.template);
    if (status === undefined) return undefined;
    const prefix = pointer(...located.path);
    const operations = uninject(located.template, status).map((operation) => ({
      ...operation,
      path: prefix + operation.path,
    }));
    const edit: ObjectEdit = { kind: 'operations', operations };
    return { document, object, name, namespace: located.namespace, status, edit };
  } catch (thrown) {
    const fault =
      thrown instanceof AppError
        ? new AppError(thrown.code, `${name}: ${thrown.message}`, {
            cause: thrown,
            facts: thrown.facts,
          })
        : failureOf(thrown, name);
    context.problems.push(problemAt({ source: document.source, line: object.line }, fault));
    return 'failed';
  }
}

/** `namespace/name` of the ConfigMaps that were made for these workloads. */
function madeNames(undone: readonly Undone[]): ReadonlySet<string> {
  return new Set(
    undone.flatMap(({ namespace, status: { helper, envoy } }) =>
      [helper?.configMap, envoy?.derived].map((name) => `${namespace}/${name ?? ''}`),
    ),
  );
}

/** Another tool may have removed our comments, but not the names. */
function isMade(object: JsonObject, names: ReadonlySet<string>, namespace: string): boolean {
  const configMap = sourceOf(object, namespace);
  if (configMap === undefined) return false;
  if (!names.has(`${configMap.namespace}/${configMap.name}`)) return false;
  const labels = objectAt(objectAt(object, 'metadata'), 'labels');
  return isManaged(labels);
}
