/** Labels by which others find injected pods: Istio an EnvoyFilter's, spire-controller-manager those that it registers. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { escapeToken, type Operation } from '../editing/operation.ts';
import type { WantedTemplate } from './reconcile.ts';

/**
 * The user's value would stay, as it does elsewhere, and others would pass over the pod: no filter would ask it for a token.
 * @param before labels of the template, as they are. @param ours those that it is to get
 * @throws {AppError} POD_UNFIT
 */
export function refuseOwnLabels(before: JsonObject, ours: JsonObject): void {
  const standing = new Map(Object.entries(before));
  const [key] =
    Object.entries(ours).find(
      ([name, value]) => standing.has(name) && standing.get(name) !== value,
    ) ?? [];
  if (key === undefined) return;
  throw new AppError(
    'POD_UNFIT',
    `label ${key} of the pod template is written by svidecar, by whose value others find the pods, and another value (${JSON.stringify(standing.get(key))}) would hide them: requests could then pass unchecked; take the label off, and svidecar writes it`,
    { facts: { key } },
  );
}

/** The same for a value that somebody has written over ours since, and that therefore stays. @throws {AppError} POD_UNFIT */
export function refuseChangedLabels(
  current: JsonObject,
  done: { readonly wanted: WantedTemplate; readonly operations: readonly Operation[] },
): void {
  const changed = new Set(done.operations.map(({ path }) => path));
  const stays = Object.entries(labelsOf(done.wanted.partial)).filter(
    ([key]) => !changed.has(`/metadata/labels/${escapeToken(key)}`),
  );
  refuseOwnLabels(labelsOf(current), Object.fromEntries(stays));
}

function labelsOf(template: JsonObject): JsonObject {
  return objectAt(objectAt(template, 'metadata'), 'labels');
}
