/** Settings as svidecar writes them: JSON, which is YAML too, in one form only. */

/** Equal settings give equal bytes: the ConfigMap's name is a hash of them. */
export function settingsText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
