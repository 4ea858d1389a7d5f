/** Objects that ask for injection but are of a kind that svidecar does not change: their pods are injected in the cluster. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { ContextFor } from '../admission/decide-by-revision.ts';
import { decide, type DecisionContext } from '../admission/decide.ts';
import { foreignTemplates, type ForeignTemplate } from '../request/foreign-pod-templates.ts';
import { locate } from '../request/locate.ts';
import { workloadKindOf } from '../objects/kinds.ts';
import { namespaceIn } from '../objects/namespace-in.ts';
import type { TraceStep } from '../injection/trace.ts';
import { contextsFor, surroundingsIn, type DecideOptions } from './decide-all.ts';
import type { ManifestDocument, ManifestObject } from './manifest.ts';

export interface Foreign {
  readonly document: Pick<ManifestDocument, 'source'>;
  readonly object: Pick<ManifestObject, 'line'>;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Warnings all of them. */
  readonly steps: readonly TraceStep[];
}

/** The objects of a document that ask for injection and are not changed here. */
export function foreignIn(
  document: ManifestDocument,
  { contextFor, namespace }: { readonly contextFor: ContextFor; readonly namespace: string },
): readonly Foreign[] {
  return document.objects.flatMap((object): readonly Foreign[] => {
    if (locate(object.value, namespace) !== undefined) return [];
    const templates = foreignTemplates(object.value);
    if (templates.length === 0) return [];
    const metadata = objectAt(object.value, 'metadata');
    const named = {
      kind: stringAt(object.value, 'kind') ?? '',
      namespace: namespaceIn(metadata) ?? namespace,
      name: stringAt(metadata, 'name') ?? stringAt(metadata, 'generateName') ?? '',
    };
    const steps = templates.flatMap((template) =>
      stepsFor(object.value, template, {
        ...contextFor(template.template ?? {}, named.namespace),
        namespace: named.namespace,
      }),
    );
    return [{ document, object, ...named, steps }];
  });
}

/** {@link foreignIn} for all documents, with the ConfigMaps among them at hand. */
export function foreignAmong(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
): readonly Foreign[] {
  const { namespace } = options;
  const contextFor = contextsFor(surroundingsIn(documents, namespace), options);
  return documents.flatMap((document) => foreignIn(document, { contextFor, namespace }));
}

function stepsFor(
  object: JsonObject,
  { path, keys, template }: ForeignTemplate,
  context: DecisionContext,
): readonly TraceStep[] {
  const carries = `${path} carries ${keys.join(', ')}`;
  // A kind that we change, of which only a part is here.
  if (workloadKindOf(object) !== undefined) {
    return [
      warning(
        `${carries}, but there is no pod spec beside it; if it is a kustomize patch, run kustomize first: kustomize build <folder> prints the whole object`,
      ),
    ];
  }
  const notice = warning(
    `${carries}; an object of this kind is not changed here: its pods are injected in the cluster, when they are created`,
  );
  const refusal = template === undefined ? undefined : refusalOf(template, context);
  return refusal === undefined
    ? [notice]
    : [notice, warning(`its pods would be refused: ${refusal}`)];
}

function warning(message: string): TraceStep {
  return { id: 'kind_not_changed', level: 'warning', message };
}

/** What admission, or the guard where no webhook sees it, would say about a pod made from the template. */
function refusalOf(template: JsonObject, context: DecisionContext): string | undefined {
  const { namespace } = context;
  const metadata = { ...objectAt(template, 'metadata'), name: 'any', namespace };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: objectAt(template, 'spec') };
  const decision = decide(pod, context);
  if (decision.kind === 'refused') return `${decision.why} [${decision.code}]`;
  const isNobodys = decision.kind === 'skipped' && decision.reason === 'revision_unknown';
  return isNobodys ? decision.steps.at(-1)?.message : undefined;
}
