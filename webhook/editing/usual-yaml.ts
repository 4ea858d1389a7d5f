/**
 * Reads YAML as nearly all manifests and Envoy files have it, in one pass and without the parser's tokens and nodes:
 * lists and maps by indentation or in brackets, scalars on one line, block scalars, comments. Invariant: the tree is
 * the one that is made of the parser's nodes; whatever might be read in another way, or be a fault, is left to the parser.
 * @see docs/adr/0157-usual-yaml-is-read-without-the-parser.md
 */
import type { SourceCollection, SourceEntry, SourceNode } from './source-tree.ts';
import { keyText } from './token-places.ts';
import {
  type OpenCollection,
  flowCollection,
  openCollection,
  requireNewKey,
} from './usual-flow.ts';
import { Unusual, UsualPage, type UsualText, code } from './usual-page.ts';
import { blockScalar, plainScalar, quotedScalar } from './usual-scalars.ts';

/** Undefined where the parser must read the text. Cost: O(n). */
export function usualTree(text: UsualText): SourceNode | undefined {
  // Line ends of another kind, and a mark that takes no column.
  if (/[\r\uFEFF]/.test(text.text)) return undefined;
  try {
    return new UsualReader(new UsualPage(text)).read();
  } catch (thrown) {
    if (thrown instanceof Unusual) return undefined;
    throw thrown;
  }
}

interface Held {
  readonly parent: SourceCollection | undefined;
  readonly depth: number;
}

interface Inside extends Held {
  readonly parent: SourceCollection;
}

/** The parser refuses keys from 1,024 characters on. */
const maxKey = 1_000;

class UsualReader {
  readonly #page: UsualPage;

  constructor(page: UsualPage) {
    this.#page = page;
  }

  read(): SourceNode {
    const page = this.#page;
    this.#toContent();
    const held = { parent: undefined, depth: 0 };
    const char = page.codeAt(page.at);
    const isFlow = char === code.openMap || char === code.openList;
    const root = isFlow ? this.#flow(held, -1) : this.#blockCollection(held);
    if (isFlow) page.nextLine();
    if (page.column !== -1) throw new Unusual();
    return root;
  }

  /** To the first line with content, after comments and at most one document mark. */
  #toContent(): void {
    const page = this.#page;
    page.firstLine();
    if (page.text.startsWith('---', page.at) && page.column === 0 && page.isGap(page.at + 3)) {
      page.at += 3;
      page.nextLine();
    }
    // A directive, or nothing at all.
    if (page.column === -1 || page.text[page.at] === '%') throw new Unusual();
  }

  #flow(held: Held, column: number): SourceCollection {
    return flowCollection(this.#page, { ...held, column, isFlow: true });
  }

  /** The list or map that begins where the page stands. */
  #blockCollection(held: Held): SourceCollection {
    return this.#isDash() ? this.#list(held) : this.#map(held);
  }

  #isDash(): boolean {
    const { at } = this.#page;
    return this.#page.codeAt(at) === code.dash && this.#page.isGap(at + 1);
  }

  #list(held: Held): SourceCollection {
    const page = this.#page;
    const column = page.at - page.lineStart;
    const { node, entries } = openCollection(page, 'list', { ...held, isFlow: false });
    do {
      const start = page.base + page.at;
      page.at += 1;
      page.charge(2, 0);
      const value = this.#value({ parent: node, depth: held.depth + 1 }, column);
      entries.push({
        key: undefined,
        isMerge: false,
        start,
        indicatorEnd: start + 1,
        hasColon: false,
        comma: undefined,
        value,
        end: value.end,
      });
    } while (page.column === column && this.#isDash());
    return this.#closed(node, entries, column);
  }

  #map(held: Held): SourceCollection {
    const page = this.#page;
    const column = page.at - page.lineStart;
    const { node, entries } = openCollection(page, 'map', { ...held, isFlow: false });
    const keys = new Set<string>();
    do {
      const start = page.base + page.at;
      const key = this.#key();
      requireNewKey(keys, key);
      const indicatorEnd = page.base + page.at;
      const value = this.#value({ parent: node, depth: held.depth + 1 }, column);
      entries.push({
        key,
        isMerge: false,
        start,
        indicatorEnd,
        hasColon: true,
        comma: undefined,
        value,
        end: value.end,
      });
    } while (page.column === column);
    return this.#closed(node, entries, column);
  }

  #closed(
    node: OpenCollection['node'],
    entries: readonly SourceEntry[],
    column: number,
  ): SourceCollection {
    // The next line goes on with what ended on the last one, or has a column of its own.
    if (this.#page.column > column) throw new Unusual();
    node.end = entries.at(-1)?.end ?? node.end;
    return node;
  }

  /** A key and its colon. */
  #key(): string {
    const page = this.#page;
    const start = page.at;
    const key = page.isQuote(start) ? keyText(quotedScalar(page).value) : this.#plainKey();
    const isColon = page.codeAt(page.at) === code.colon && page.isGap(page.at + 1);
    if (!isColon || page.at - start > maxKey) throw new Unusual();
    page.charge(3, 0);
    page.at += 1;
    return key;
  }

  #plainKey(): string {
    const page = this.#page;
    const start = page.at;
    page.requirePlainStart();
    page.at = page.plainStop(false);
    // With spaces before its colon, or none.
    if (page.trimmed(start, page.at) < page.at) throw new Unusual();
    page.charge(2, 1);
    return page.plainKey(page.text.slice(start, page.at));
  }

  /** What follows a colon or a dash. */
  #value(held: Inside, column: number): SourceNode {
    const page = this.#page;
    const { at } = page;
    page.skipSpaces();
    const char = page.codeAt(page.at);
    const isLater = char === code.lineFeed || char === code.hash || page.at >= page.text.length;
    if (isLater) {
      page.at = at;
      return this.#laterValue(held, column);
    }
    if (held.parent.kind === 'list' && (this.#isDash() || this.#isKey()))
      return this.#blockCollection(held);
    const value = this.#valueOnLine(held, column);
    page.nextLine();
    return value;
  }

  /** What stands on the lines below, if anything does. */
  #laterValue(held: Inside, column: number): SourceNode {
    const page = this.#page;
    const { at } = page;
    page.nextLine();
    const isListOfKey = held.parent.kind === 'map' && page.column === column && this.#isDash();
    if (page.column > column || isListOfKey) return this.#blockCollection(held);
    return page.nothing(at);
  }

  /** Whether a map begins here, on the line of its list's dash. */
  #isKey(): boolean {
    const page = this.#page;
    const { at } = page;
    if (page.isQuote(at)) quotedScalar(page, 0);
    else if (!page.isPlainStart()) return false;
    else page.at = page.plainStop(false);
    const isKey = page.codeAt(page.at) === code.colon;
    page.at = at;
    return isKey;
  }

  #valueOnLine(held: Inside, column: number): SourceNode {
    const page = this.#page;
    switch (page.codeAt(page.at)) {
      case code.openList:
      case code.openMap:
        return this.#flow(held, column);
      case code.bar:
      case code.greater:
        return blockScalar(page, column);
      case code.doubleQuote:
      case code.quote:
        return quotedScalar(page, column);
      default:
        return plainScalar(page, column);
    }
  }
}
