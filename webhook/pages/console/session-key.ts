/** The key of the session, which this origin (port included) keeps between visits. */

const keyPlace = 'svidecar-console-key';
/** Where the browser keeps nothing for sites, the key lasts as long as the page. */
let heldKey = '';

/** Empty where there was no session yet. Another tab may have put a newer one in. */
export function sessionKey(): string {
  try {
    return localStorage.getItem(keyPlace) ?? heldKey;
  } catch {
    // The browser keeps nothing.
    return heldKey;
  }
}

export function keepSessionKey(key: string): void {
  heldKey = key;
  try {
    localStorage.setItem(keyPlace, key);
  } catch {
    // As above.
  }
}
