/** Equal texts, kept once for all who hold them. */
export class Interned {
  readonly #held = new Map<string, { readonly text: string; holders: number }>();

  /** The one copy of this text; give it back when it is not held any more. */
  take(text: string): string {
    const held = this.#held.get(text);
    if (held === undefined) {
      this.#held.set(text, { text, holders: 1 });
      return text;
    }
    held.holders += 1;
    return held.text;
  }

  giveBack(text: string): void {
    const held = this.#held.get(text);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders === 0) this.#held.delete(text);
  }
}
