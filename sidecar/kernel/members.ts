/** Members of an object whose keys somebody else chose. Invariant: what every object has, such as `constructor`, is none of them. */

/** The object's own member of this name. */
export function own<Value>(
  holder: { readonly [key: string]: Value } | undefined,
  key: string,
): Value | undefined {
  // eslint-disable-next-line svidecar/own-members -- The one place that reads by any text: it has just been asked for.
  return holder !== undefined && Object.hasOwn(holder, key) ? holder[key] : undefined;
}

const ordinary = { enumerable: true, writable: true, configurable: true } as const;

/** Gives an object a member of its own, whatever the key says. */
export function setMember<Value>(object: Record<string, Value>, key: string, value: Value): void {
  // Assigned, this key would set the prototype instead.
  if (key === '__proto__') Object.defineProperty(object, key, { ...ordinary, value });
  // eslint-disable-next-line svidecar/own-members -- The one place that writes by any text; the line before is for the key that matters.
  else object[key] = value;
}
