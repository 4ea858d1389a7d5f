/** Random tokens that `native` lets in and `ext-authz` refuses, as docs/data-paths.md says. */
import type { OddToken } from '../../fakes/odd-tokens.ts';
import { audience, self } from './cases.ts';

/** Leeway of both, in seconds. */
const leewayS = 60;

/** Whether no time in it is so near to its limit that a slow second decides. */
export function isSettled(claims: OddToken['claims'], nowS: number): boolean {
  return ['exp', 'nbf', 'iat'].every((name) => {
    const time = claims[name];
    return typeof time !== 'number' || Math.abs(Math.abs(time - nowS) - leewayS) > 4;
  });
}

/** Whether the page says of such a token that only ext-authz refuses it. */
export function isOnThePage({ token, claims, header }: OddToken, nowS: number): boolean {
  const { iat, sub, aud } = claims;
  const { kid, typ, crit } = header;
  return [
    typeof iat === 'number' && iat > nowS + leewayS,
    token.length > 8_192,
    kid === '',
    typ !== undefined && typ !== 'JWT' && typ !== 'JOSE',
    crit !== undefined,
    [audience, self].some((meant) => isLoosely(meant, aud)),
    typeof sub === 'string' && sub.length > 2_048,
    token.split('.').some((part) => Buffer.from(part, 'base64url').toString('base64url') !== part),
  ].includes(true);
}

/** As Envoy compares audiences. */
function isLoosely(meant: string, aud: unknown): boolean {
  return [aud].flat().some((one) => {
    const bare = typeof one === 'string' ? one.replace(/^https?:\/\//, '').replace(/\/$/, '') : '';
    return bare === meant && one !== meant;
  });
}
