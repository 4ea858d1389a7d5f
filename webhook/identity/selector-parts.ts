/** `k8s:ns:shop` is of type `k8s`; the value may have colons of its own. @see spire.api.types.Selector */
export function selectorParts(selector: string): { readonly type: string; readonly value: string } {
  const colon = selector.indexOf(':');
  return { type: selector.slice(0, Math.max(0, colon)), value: selector.slice(colon + 1) };
}
