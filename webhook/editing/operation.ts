/** RFC 6902 operations of the kinds we emit, and RFC 6901 pointers. */
import type { Json } from '#kernel/json.ts';

export type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: Json }
  | { readonly op: 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'test'; readonly path: string; readonly value: Json };

/** One reference token of a JSON Pointer, escaped (RFC 6901 §3). */
export function escapeToken(token: string | number): string {
  if (typeof token === 'number') return String(token);
  return /[~/]/.test(token) ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token;
}

export function pointer(...tokens: readonly (string | number)[]): string {
  return tokens.map((token) => `/${escapeToken(token)}`).join('');
}

/** The inverse of {@link pointer}: tokens as text. */
export function pointerTokens(path: string): readonly string[] {
  if (path === '') return [];
  const tokens = path.slice(1).split('/');
  return path.includes('~')
    ? tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    : tokens;
}
