/**
 * A container's environment as far as its pod defines it, and `$(NAME)` in commands, arguments and sub-paths by the kubelet's rules.
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Text, Unknown } from './partial-text.ts';

export interface Environment {
  /** Undefined: the pod does not set it; the image may. */
  readonly value: (name: string) => Text | undefined;
  /** With `$(NAME)` filled in; `$$` is a `$`, and an unset variable stays as written. */
  readonly expand: (text: string) => Text;
  /** In the order of the container's list. */
  readonly names: () => readonly string[];
}

/** Characters that all expansions of a container may come to: variables that name each other twice double each time. */
const maxExpanded = 262_144;

/** Fields of the pod that are a name, an address or a UID. */
const plainFields =
  /^(?:metadata\.(?:name|namespace|uid)|spec\.(?:nodeName|serviceAccountName)|status\.(?:hostIP|podIP)s?)$/;

/** What the kubelet may set for each Service of the namespace. */
const serviceVariable = /_SERVICE_HOST$|_SERVICE_PORT|_PORT$|_PORT_\d/;

/** Read when it is first asked for: most commands name no variable. */
export function environmentOf(container: JsonObject): Environment {
  let made: Environment | undefined;
  const environment = (): Environment => (made ??= readEnvironment(container));
  return {
    value: (name) => environment().value(name),
    expand: (text) => (text.includes('$') ? environment().expand(text) : [text]),
    // No getter: each object with one gets a hidden class of its own, which keeps the whole pod until a full collection.
    names: () => environment().names(),
  };
}

function readEnvironment(container: JsonObject): Environment {
  const values = new Map<string, Text>();
  const names: string[] = [];
  const hasMore = listAt(container, 'envFrom').length > 0;
  let left = maxExpanded;

  const value = (name: string): Text | undefined => {
    const text = values.get(name);
    if (text !== undefined) return text;
    if (hasMore) return [unknown(`${name} may come from envFrom`)];
    return serviceVariable.test(name) ? [unknown(`${name} may be that of a Service`)] : undefined;
  };
  const expand = (text: string): Text => {
    if (!text.includes('$')) return [text];
    const expanded = expandWith(text, value);
    for (const piece of expanded) left -= typeof piece === 'string' ? piece.length : 1;
    return left < 0
      ? [unknown('its variables have more text in total than svidecar reads')]
      : expanded;
  };

  for (const variable of listAt(container, 'env')) {
    const name = isObject(variable) ? stringAt(variable, 'name') : undefined;
    if (!isObject(variable) || name === undefined) continue;
    names.push(name);
    values.set(name, valueOf(variable, expand));
  }
  return { value, expand, names: () => names };
}

function unknown(why: string, isPlain = false): Unknown {
  return { why, isPlain, isOneWord: true };
}

function valueOf(variable: JsonObject, expand: Environment['expand']): Text {
  const name = stringAt(variable, 'name') ?? '';
  const value = variable['value'] ?? '';
  if (typeof value !== 'string') return [unknown(`${name} has a value that is not a string`)];
  const from = variable['valueFrom'];
  if (value !== '' || !isObject(from)) return expand(value);
  const field = stringAt(objectAt(from, 'fieldRef'), 'fieldPath');
  const isPlain = from['resourceFieldRef'] !== undefined || plainFields.test(field ?? '');
  return [unknown(`${name} comes from ${sourceOf(from)}`, isPlain)];
}

function sourceOf(from: JsonObject): string {
  const field = stringAt(objectAt(from, 'fieldRef'), 'fieldPath');
  if (field !== undefined) return `the pod's field ${field}`;
  for (const [member, kind] of [
    ['configMapKeyRef', 'ConfigMap'],
    ['secretKeyRef', 'Secret'],
  ] as const) {
    const reference = objectAt(from, member);
    const name = stringAt(reference, 'name');
    if (name !== undefined) return `key ${stringAt(reference, 'key') ?? ''} of ${kind} ${name}`;
  }
  return Object.keys(from)[0] ?? 'elsewhere';
}

/** Cost: linear. */
function expandWith(text: string, value: Environment['value']): Text {
  const pieces: (string | Unknown)[] = [];
  const lastCloser = text.lastIndexOf(')');
  let from = 0;
  for (let at = text.indexOf('$'); at !== -1 && at + 1 < text.length;) {
    const next = text[at + 1];
    let end = at + 2;
    pieces.push(text.slice(from, at));
    if (next === '(' && lastCloser > at) {
      end = text.indexOf(')', at) + 1;
      pieces.push(...(value(text.slice(at + 2, end - 1)) ?? [text.slice(at, end)]));
    } else {
      pieces.push(next === '$' ? '$' : text.slice(at, end));
    }
    from = end;
    at = text.indexOf('$', end);
  }
  pieces.push(text.slice(from));
  return pieces.filter((piece) => piece !== '');
}
