/** The contents of an `Any`, written plainly or wrapped in a `TypedStruct`. */
import { type Placed, placedField, textOf, typeNameOf } from './proto-field.ts';

/** A message and its type. */
export interface TypedMessage extends Placed {
  /** `envoy.extensions.….Router`; undefined when there is none. */
  readonly type: string | undefined;
}

/** Messages that hold another one as JSON, under `value`, and its type as `type_url`. */
const wrappers: ReadonlySet<string> = new Set([
  'xds.type.v3.TypedStruct',
  'udpa.type.v1.TypedStruct',
]);

/** The message that an `Any` means; a `TypedStruct` is unwrapped. */
export function anyOf(any: Placed): TypedMessage {
  const type = typeNameOf(any.message);
  if (type === undefined || !wrappers.has(type)) return { ...any, type };
  const inner = placedField(any, 'value') ?? { message: {}, path: any.path };
  const url = textOf(any.message, 'type_url');
  return { ...inner, type: url?.slice(url.lastIndexOf('/') + 1) };
}

/** The message in a field that is an `Any`; undefined when the field is absent. */
export function anyField(holder: Placed, field: string): TypedMessage | undefined {
  const any = placedField(holder, field);
  return any === undefined ? undefined : anyOf(any);
}
