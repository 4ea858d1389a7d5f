/**
 * The texts of status annotations, within bounds: equal ones of a namespace stand once, for pods and ReplicaSets of one
 * workload carry the same. Whoever has the most loses first.
 */
import type { ClusterLimits } from './limits.ts';

export type StatusLimits = Pick<ClusterLimits, 'namespaceStatusChars' | 'allStatusChars'>;

/** Of what the greatest namespace holds. */
const leftAfterShedding = 7 / 8;

interface Held {
  readonly text: string;
  holders: number;
}

export class StatusTexts {
  readonly #limits: StatusLimits;
  readonly #held = new Map<string, Map<string, Held>>();
  /** Characters held, by namespace. */
  readonly #chars = new Map<string, number>();
  #allChars = 0;

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
    if (this.#of(namespace) + text.length > this.#limits.namespaceStatusChars) return undefined;
    const texts = this.#held.get(namespace) ?? new Map<string, Held>();
    this.#held.set(namespace, texts.set(text, { text, holders: 1 }));
    this.#count(namespace, text.length);
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
    this.#count(namespace, -text.length);
  }

  get isOverfull(): boolean {
    return this.#allChars > this.#limits.allStatusChars;
  }

  /**
   * Where there is too much in all: what the greatest namespace must give back, its longest texts; some at once, so that the
   * next one that comes costs no search.
   */
  surplus(): { readonly namespace: string; readonly texts: ReadonlySet<string> } | undefined {
    if (!this.isOverfull) return undefined;
    let namespace = '';
    for (const [each, chars] of this.#chars) if (chars > this.#of(namespace)) namespace = each;
    const texts = new Set<string>();
    let left = this.#of(namespace);
    const most = left * leftAfterShedding;
    const longestFirst = [...(this.#held.get(namespace)?.keys() ?? [])].sort(
      (a, b) => b.length - a.length,
    );
    for (const text of longestFirst) {
      if (left <= most) break;
      texts.add(text);
      left -= text.length;
    }
    return { namespace, texts };
  }

  #of(namespace: string): number {
    return this.#chars.get(namespace) ?? 0;
  }

  #count(namespace: string, change: number): void {
    const chars = this.#of(namespace) + change;
    this.#allChars += change;
    if (chars === 0) this.#chars.delete(namespace);
    else this.#chars.set(namespace, chars);
  }
}
