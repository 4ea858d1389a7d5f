/** Label selectors. @see meta/v1 LabelSelector, LabelSelectorRequirement */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';

export function holdsFor(expression: JsonObject, labels: JsonObject): boolean {
  const value = own(labels, stringAt(expression, 'key') ?? '');
  const isListed = value !== undefined && listAt(expression, 'values').includes(value);
  switch (stringAt(expression, 'operator') ?? '') {
    case 'In':
      return isListed;
    case 'NotIn':
      return !isListed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      // An operator that Kubernetes may add, or none at all: nothing is concluded from it.
      return true;
  }
}

/** Whether a whole selector matches; an empty one matches everything. */
export function isMatched(selector: JsonObject, labels: JsonObject): boolean {
  const exact = Object.entries(objectAt(selector, 'matchLabels'));
  return (
    exact.every(([key, value]) => own(labels, key) === value) &&
    listAt(selector, 'matchExpressions')
      .filter(isObject)
      .every((each) => holdsFor(each, labels))
  );
}
