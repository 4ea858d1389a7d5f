/** The style of a document, which a careful author would follow when adding to it. */
import type { SourceCollection, SourceDocument, SourceNode } from './source-tree.ts';
import {
  type LinedText,
  columnAt,
  leadingSpaceAt,
  lineBreakOf,
  lineStartAt,
} from './text-position.ts';

export interface TextStyle {
  readonly lineBreak: '\n' | '\r\n';
  /** Columns by which a block map is indented from the key that holds it. */
  readonly step: number;
  /** Columns by which a block list is indented from the key that holds it: 0 is common. */
  readonly listStep: number;
  readonly isJson: boolean;
  /** The document is one flow collection over several lines: what is added gets lines of its own too. */
  readonly isPretty: boolean;
  /** One level of indentation inside a pretty flow document. */
  readonly unit: string;
  /** Between items and between key and value of a flow collection on one line. */
  readonly comma: ', ' | ',';
  readonly colon: ': ' | ':';
  /** Inside the braces of a flow map on one line. */
  readonly padding: ' ' | '';
}

const usualStep = 2;

/** Derives the style from the text; the usual one where the text shows none. */
export function styleOf(document: SourceDocument, lined: LinedText): TextStyle {
  const { text } = lined;
  const votes = new Votes(lined);
  votes.visit(document.root);
  const isTight = document.isJson && votes.most('colon') === 0;
  const unit = prettyUnitOf(document.root, lined);
  return {
    lineBreak: lineBreakOf(text),
    step: votes.most('step') ?? usualStep,
    listStep: votes.most('listStep') ?? 0,
    isJson: document.isJson,
    isPretty: unit !== undefined,
    unit: unit ?? '',
    // Where nothing shows how commas are spaced, they are spaced as the colons are.
    comma: (votes.most('comma') ?? (isTight ? 0 : 1)) === 0 ? ',' : ', ',
    colon: isTight ? ':' : ': ',
    padding: votes.most('padding') === 1 ? ' ' : '',
  };
}

/** One level of indentation of a document that is one flow collection over several lines. */
function prettyUnitOf(root: SourceNode, lined: LinedText): string | undefined {
  if (root.kind === 'scalar' || root.kind === 'alias' || !root.isFlow) return undefined;
  const [first] = root.entries;
  const { text } = lined;
  if (first === undefined || !text.slice(root.start, first.start).includes('\n')) return undefined;
  return leadingSpaceAt(lined, first.start) || ' '.repeat(usualStep);
}

type Question = 'step' | 'listStep' | 'comma' | 'colon' | 'padding';

/** Counts the style of each collection of the document. */
class Votes {
  readonly #lined: LinedText;
  readonly #counts = new Map<Question, Map<number, number>>();

  constructor(lined: LinedText) {
    this.#lined = lined;
  }

  /** The most frequent answer; undefined when nothing in the document answers. */
  most(question: Question): number | undefined {
    const counts = [...(this.#counts.get(question) ?? [])];
    return counts.reduce<[number, number] | undefined>(
      (best, next) => (best === undefined || next[1] > best[1] ? next : best),
      undefined,
    )?.[0];
  }

  visit(node: SourceNode): void {
    if (node.kind === 'scalar' || node.kind === 'alias') return;
    if (node.isFlow) this.#visitFlow(node);
    else if (node.kind === 'map') this.#visitBlockMap(node);
    for (const entry of node.entries) this.visit(entry.value);
  }

  #vote(question: Question, answer: number): void {
    const counts = this.#counts.get(question) ?? new Map<number, number>();
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
    this.#counts.set(question, counts);
  }

  #visitBlockMap(node: SourceCollection): void {
    for (const { start, indicatorEnd, value } of node.entries) {
      if (value.kind === 'scalar' || value.kind === 'alias' || value.isFlow) continue;
      const first = value.entries[0]?.start ?? value.start;
      if (lineStartAt(this.#lined, first) <= indicatorEnd) continue;
      const deeper = columnAt(this.#lined, first) - columnAt(this.#lined, start);
      if (value.kind === 'list') this.#vote('listStep', deeper);
      else if (deeper > 0) this.#vote('step', deeper);
    }
  }

  #visitFlow(node: SourceCollection): void {
    const { text } = this.#lined;
    const [first, second] = node.entries;
    if (first === undefined) return;
    const spaceAfter = (offset: number): number => (text[offset] === ' ' ? 1 : 0);
    if (first.hasColon) this.#vote('colon', spaceAfter(first.indicatorEnd));
    if (text.slice(node.start, first.start).includes('\n')) return;
    if (node.kind === 'map' && node.hasBrackets) this.#vote('padding', spaceAfter(node.start + 1));
    if (second?.comma !== undefined) this.#vote('comma', spaceAfter(second.comma + 1));
  }
}
