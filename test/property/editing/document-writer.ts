/** Writes random YAML documents in mixed styles, as people do: the text matters, not the value. */
import * as arb from 'fast-check';
import type fc from 'fast-check';

type Generate = fc.GeneratorValue;

const keys = [
  'name',
  'a',
  'b-c',
  '"@type"',
  "'q k'",
  'x.y',
  'on_off',
  '"7"',
  'config',
  'list',
  'z',
];
const scalars = ['1', 'text', '"quoted"', "'single'", 'two words', '3.50', 'true', '~', 'null'];
const flowScalars = [...scalars, '"a # b"', '"[x"', "'it''s'", '12345678901234567890'];
const plainOnlyInBlock = ['yes', '0600', 'a:b', '-x', 'http://h:1/p', '"\\u00e9"'];

export interface WriterOptions {
  readonly anchors: boolean;
}

/** A document; always a collection with at least one entry at the root. */
export function writeDocument(g: Generate, options: WriterOptions): string {
  const writer = new DocumentWriter(g, options);
  const isList = writer.chance(4);
  const body = isList ? writer.blockList(0) : writer.blockMap(0);
  const head = writer.pick(['', '', '---\n', '# head\n', '# head\n---\n', '--- # head\n', '\n\n']);
  const tail = writer.pick(['', '', '# tail\n', '...\n', '\n\n', '  # indented tail\n']);
  const text = `${head}${body}\n${tail}`;
  const cut =
    tail === '' && !writer.endsInBlockScalar && writer.chance(4) ? text.slice(0, -1) : text;
  return writer.chance(4) ? cut.replaceAll('\n', '\r\n') : cut;
}

class DocumentWriter {
  readonly #g: Generate;
  readonly #options: WriterOptions;
  #anchors = 0;
  readonly #closed: string[] = [];
  #depth = 0;
  endsInBlockScalar = false;

  constructor(g: Generate, options: WriterOptions) {
    this.#g = g;
    this.#options = options;
  }

  int(max: number): number {
    return this.#g(arb.nat, max);
  }

  /** True once in `n`. */
  chance(n: number): boolean {
    return this.int(n - 1) === 0;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  blockMap(column: number): string {
    const used = new Set<string>();
    const parts: string[] = [];
    for (let left = this.int(3); left >= 0; left -= 1) {
      const key = this.pick(keys);
      if (used.has(key)) continue;
      used.add(key);
      parts.push(`${key}:${this.#blockValue(column, false)}`);
    }
    return this.#joined(parts, column);
  }

  blockList(column: number): string {
    const parts: string[] = [];
    for (let left = this.int(3); left >= 0; left -= 1) parts.push(`-${this.#item(column)}`);
    return this.#joined(parts, column);
  }

  #joined(parts: readonly string[], column: number): string {
    const pad = ' '.repeat(column);
    return parts
      .map((part, index) => (index === 0 ? part : `\n${this.#between()}${pad}${part}`))
      .join('');
  }

  /** Blank lines and comments between entries. */
  #between(): string {
    return this.pick(['', '', '', '', '\n', '# between\n', '  # indented\n\n', '\n\n']);
  }

  #item(column: number): string {
    if (this.#depth < 4 && this.chance(2)) {
      const gap = this.pick([1, 1, 1, 3]);
      const inner = column + 1 + gap;
      return this.#deeper(() => {
        const body = this.chance(4) ? this.blockList(inner) : this.blockMap(inner);
        return `${' '.repeat(gap)}${body}`;
      });
    }
    return this.#blockValue(column, true);
  }

  #blockValue(column: number, isItem: boolean): string {
    this.endsInBlockScalar = false;
    if (this.#options.anchors && this.#closed.length > 0 && this.chance(4)) {
      return ` *${this.pick(this.#closed)}${this.#comment()}`;
    }
    const name = this.#options.anchors && this.chance(4) ? `a${this.#anchors}` : undefined;
    if (name !== undefined) this.#anchors += 1;
    const text = this.#anchored(column, { isItem, anchor: name === undefined ? '' : ` &${name}` });
    if (name !== undefined) this.#closed.push(name);
    return text;
  }

  #anchored(column: number, { isItem, anchor }: { isItem: boolean; anchor: string }): string {
    const kind = this.int(this.#depth < 4 ? 8 : 4);
    if (kind === 0 && anchor === '') return this.#comment();
    if (kind === 1) return this.#blockScalar(column, anchor);
    if (kind === 2) return `${anchor} ${this.flow(0)}${this.#comment()}`;
    if (kind <= 4) return `${anchor}${this.#scalar()}${this.#comment()}`;
    if (isItem) return anchor + this.#block(column + 1 + this.int(3), kind === 8);
    const isList = kind >= 7;
    return anchor + this.#block(column + (isList ? 0 : 1) + this.int(3), isList);
  }

  #block(column: number, isList: boolean): string {
    return this.#deeper(() => {
      const body = isList ? this.blockList(column) : this.blockMap(column);
      return `${this.#comment()}\n${this.#between()}${' '.repeat(column)}${body}`;
    });
  }

  #scalar(): string {
    return this.pick([' ', ' ', '   ', ' \t']) + this.pick([...scalars, ...plainOnlyInBlock]);
  }

  #deeper(write: () => string): string {
    this.#depth += 1;
    const text = write();
    this.#depth -= 1;
    return text;
  }

  #blockScalar(column: number, anchor: string): string {
    const pad = ' '.repeat(column + 2);
    const header = this.pick(['|', '|-', '>', '|+']);
    const lines = this.pick([['one'], ['one', '', 'two'], ['# no comment', ' deeper']]);
    const blank = this.pick(['', '', '\n']);
    this.endsInBlockScalar = true;
    return `${anchor} ${header}\n${lines.map((line) => (line === '' ? '' : pad + line)).join('\n')}${blank}`;
  }

  #comment(): string {
    return this.pick(['', '', '', ' # note', '\t# tab', '  ', '\t']);
  }

  flow(depth: number): string {
    const kind = depth > 2 ? 2 : this.int(3);
    if (kind === 0) return this.#bracketed('[]', () => this.flow(depth + 1));
    if (kind === 1) {
      const used = new Set<string>();
      return this.#bracketed('{}', () => {
        const key = this.pick(keys);
        if (used.has(key)) return undefined;
        used.add(key);
        if (this.chance(6) && !key.startsWith('"') && !key.startsWith("'")) return key;
        return `${key}: ${this.flow(depth + 1)}`;
      });
    }
    return this.pick(flowScalars);
  }

  #bracketed([open = '', close = '']: string, item: () => string | undefined): string {
    const items: string[] = [];
    for (let left = this.int(3); left > 0; left -= 1) {
      const text = item();
      if (text !== undefined) items.push(text);
    }
    const pad = ' '.repeat(30);
    const gap = this.pick(['', '', ' ', `\n${pad}`]);
    const comma = this.pick([', ', ', ', ',\n' + pad, ' ,\t', ', # in flow\n' + pad]);
    const trailing = items.length > 0 && this.chance(6) ? ',' : '';
    return `${open}${gap}${items.join(comma)}${trailing}${gap}${close}`;
  }
}
