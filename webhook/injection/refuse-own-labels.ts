/** Labels by which others find injected pods: Istio an EnvoyFilter's, spire-controller-manager those that it registers. */
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';

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
