/** A workload's selector must match its own template, or the API server refuses the object; a label of ours can break that. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { holdsFor } from '../objects/label-selector.ts';

/**
 * @param selector a LabelSelector. @param before labels of the template, as they are. @param after as they would be
 * @see meta/v1 LabelSelector
 * @throws {AppError} POD_UNFIT
 */
export function refuseSelector(
  selector: JsonObject,
  { before, after }: { readonly before: JsonObject; readonly after: JsonObject },
): void {
  const ended = listAt(selector, 'matchExpressions')
    .filter(isObject)
    .find((expression) => holdsFor(expression, before) && !holdsFor(expression, after));
  if (ended === undefined) return;
  const key = stringAt(ended, 'key') ?? '';
  throw new AppError(
    'POD_UNFIT',
    `spec.selector.matchExpressions: the one on ${key} would not match any more, since injected pods carry the label ${key}, and the API server refuses a workload whose selector does not match its own pods; remove this expression`,
  );
}
