/** Which rules need tokens or keys from the SPIRE agent: all but those that only ban. */

/** @param rules whatever names their modes: settings, or a template's rules */
export function needsIdentity(rules: readonly { readonly mode?: unknown }[]): boolean {
  return rules.some(({ mode }) => mode !== 'ban');
}
