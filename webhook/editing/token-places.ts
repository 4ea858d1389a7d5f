/** Where the parser's tokens are: offsets in the text that was parsed. */
import type { CST } from 'yaml';
import type { Json } from '#kernel/json.ts';
import type { SourceScalar } from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';

export type YamlToken = CST.SourceToken;

export function isComma(token: YamlToken): boolean {
  return token.type === 'comma';
}

function isProp(token: YamlToken): boolean {
  return token.type === 'anchor' || token.type === 'tag';
}

export function propsStart(tokens: readonly YamlToken[]): number | undefined {
  return tokens.find(isProp)?.offset;
}

export function propsEnd(tokens: readonly YamlToken[]): number | undefined {
  const last = tokens.findLast(isProp);
  return last === undefined ? undefined : last.offset + last.source.length;
}

/** The first token of an entry that is more than white space, a comment or a comma. */
export function firstMark(tokens: readonly YamlToken[] | undefined): number | undefined {
  const marks = ['explicit-key-ind', 'seq-item-ind', 'anchor', 'tag'];
  return tokens?.find((token) => marks.includes(token.type))?.offset;
}

export function scalarSpan(
  token: CST.FlowScalar | CST.BlockScalar | undefined,
  fallback: number,
): DocumentSpan {
  if (token === undefined) return { start: fallback, end: fallback };
  if (token.type !== 'block-scalar') {
    return { start: token.offset, end: token.offset + token.source.length };
  }
  const props = token.props.reduce(
    (sum, prop) => sum + ('source' in prop ? prop.source.length : 0),
    0,
  );
  const start = token.props[0]?.offset ?? token.offset;
  return { start, end: start + props + token.source.length };
}

export function styleOf(
  token: CST.FlowScalar | CST.BlockScalar | undefined,
  span: DocumentSpan,
): SourceScalar['style'] {
  if (token === undefined || span.start === span.end) return 'empty';
  if (token.type === 'single-quoted-scalar') return 'single';
  if (token.type === 'double-quoted-scalar') return 'double';
  return token.type === 'block-scalar' ? 'block' : 'plain';
}

/** A key as it becomes one of a JSON object. */
export function keyText(value: Json): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

/** After the colon of a pair; undefined where none is written. */
export function endOfColon(token: CST.CollectionItem | undefined): number | undefined {
  const colon = token?.sep?.find((part) => part.type === 'map-value-ind');
  return colon === undefined ? undefined : colon.offset + 1;
}

export function endOfFlow(token: CST.FlowCollection): number {
  const bracket = token.end[0];
  return bracket === undefined ? token.offset : bracket.offset + 1;
}

/** In a one-pair map without braces the tokens belong to its key. */
export function propsOfItem(token: CST.CollectionItem | undefined): readonly YamlToken[] {
  return token === undefined || token.sep !== undefined ? [] : token.start;
}
