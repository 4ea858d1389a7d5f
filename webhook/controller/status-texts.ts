/**
 * The texts of status annotations, within bounds: equal ones of a namespace stand once, for pods and ReplicaSets of one
 * workload carry the same. Whoever has the most loses first.
 */
import { Amounts, largestOf, leftAfterShedding } from './amounts.ts';
import type { ClusterLimits } from './cluster-limits.ts';

export type StatusLimits = Pick<ClusterLimits, 'namespaceStatusChars' | 'allStatusChars'>;

interface Held {
  readonly text: string;
  holders: number;
}

export class StatusTexts {
  readonly #limits: StatusLimits;
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #chars = new Amounts();

  constructor(limits: StatusLimits) {
    this.#limits = limits;
  }

  /** The one copy of this text, if it is held. */
  held(namespace: string, text: string): string | undefined {
    return this.#held.get(namespace)?.get(text)?.text;
  }

  /** The one copy of this text, to be given back when it is not needed any more; undefined where there is no room for it. */
  take(namespace: string, text: string): string | undefined {
    const known = this.#held.get(namespace)?.get(text);
    if (known !== undefined) {
      known.holders += 1;
      return known.text;
    }
    if (this.#chars.of(namespace) + text.length > this.#limits.namespaceStatusChars)
      return undefined;
    const texts = this.#held.get(namespace) ?? new Map<string, Held>();
    this.#held.set(namespace, texts.set(text, { text, holders: 1 }));
    this.#chars.count(namespace, text.length);
    return text;
  }

  giveBack(namespace: string, text: string): void {
    const texts = this.#held.get(namespace);
    const held = texts?.get(text);
    if (texts === undefined || held === undefined) return;
    held.holders -= 1;
    if (held.holders > 0) return;
    texts.delete(text);
    if (texts.size === 0) this.#held.delete(namespace);
    this.#chars.count(namespace, -text.length);
  }

  get isOverfull(): boolean {
    return this.#chars.all > this.#limits.allStatusChars;
  }

  /**
   * Where there is too much in all: what the greatest namespace must give back, its longest texts.
   */
  surplus(): { readonly namespace: string; readonly texts: ReadonlySet<string> } | undefined {
    if (!this.isOverfull) return undefined;
    const namespace = this.#chars.greatest();
    const held = [...(this.#held.get(namespace)?.keys() ?? [])];
    const surplus = this.#chars.of(namespace) * (1 - leftAfterShedding);
    const longest = largestOf(
      held.map((text) => ({ text, size: text.length })),
      surplus,
    );
    return { namespace, texts: new Set(longest.map(({ text }) => text)) };
  }
}
