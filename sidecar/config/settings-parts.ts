/** What single values of the settings may be: said once, for the schema and for the reader that does without it. */
import { callerHeaderFault } from './caller-header.ts';
import { callerPatternFault } from './caller-pattern.ts';
import { everyAddress } from '#kernel/every-address.ts';
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import { healthPort, helperPort } from './helper-contract.ts';

/** RFC 7519 §4.1.3: any case-sensitive string; ours are bounded so that a token stays small. */
export const audienceLength = Object.freeze({ least: 1, most: 512 });
export const hostPattern = /^(\*\.[^*:]+|[^*]+)$/;
export const headerNamePattern = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
export const ports = Object.freeze({ least: 1, most: 65_535 });
export const authorizations = ['deny', 'overwrite', 'keep'] as const;
export const dataPaths = ['ext-authz', 'native'] as const;
/** Where the service listens, and where health does: the kubelet asks at the pod's address, be it of IPv6 or of IPv4. */
export const usualListen = Object.freeze({ host: '127.0.0.1', port: helperPort });
export const usualHealth = Object.freeze({ host: everyAddress, port: healthPort });

export function isAudience(text: string): boolean {
  return text.length >= audienceLength.least && text.length <= audienceLength.most;
}

export function isSpiffeId(text: string): boolean {
  return spiffeIdFault(text) === undefined;
}

export function isCallerPattern(text: string): boolean {
  return callerPatternFault(text) === undefined;
}

export function isCallerHeader(text: string): boolean {
  return headerNamePattern.test(text) && callerHeaderFault(text) === undefined;
}

export function isPath(text: string): boolean {
  return text.startsWith('/');
}

export function haveOwnNames(rules: readonly { readonly name: string }[]): boolean {
  return new Set(rules.map(({ name }) => name)).size === rules.length;
}

interface NamedRule {
  readonly name: string;
  readonly takesUnnamed?: boolean | undefined;
}

/** Whether checks that name no rule are this one's. */
export function takesUnnamed(rule: NamedRule): boolean {
  return rule.takesUnnamed === true;
}

/** Whoever asks without a name would get one of two answers. */
export function oneTakesUnnamed(rules: readonly NamedRule[]): boolean {
  return rules.filter(takesUnnamed).length < 2;
}

/** In the native data path nobody asks for tokens. */
export function canTakeUnnamed(settings: {
  readonly rules: readonly NamedRule[];
  readonly dataPath: (typeof dataPaths)[number];
}): boolean {
  return settings.dataPath === 'ext-authz' || !settings.rules.some(takesUnnamed);
}
