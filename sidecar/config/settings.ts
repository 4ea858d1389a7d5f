/**
 * The helper's settings: one definition that the webhook renders and the helper reads.
 * Shape: the document that `settingsFile` holds, YAML or JSON. Unknown keys are refused.
 */
import * as z from 'zod';
import { logLevels } from '#kernel/observe.ts';
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import { banRule } from './ban-settings.ts';
import { callerHeaderFault } from './caller-header.ts';
import { callerPatternFault } from './caller-pattern.ts';
import { checkShape, readShape } from './check-shape.ts';
import { ruleName } from './rule-name.ts';
import {
  audienceLength,
  authorizations,
  canTakeUnnamed,
  dataPaths,
  haveOwnNames,
  headerNamePattern,
  hostPattern,
  isCallerPattern,
  isSpiffeId,
  oneTakesUnnamed,
  ports,
  usualHealth,
  usualListen,
} from './settings-parts.ts';
import { settingsText } from './settings-text.ts';

const spiffeId = z.string().refine(isSpiffeId, {
  error: (issue) => `is not a SPIFFE ID: ${spiffeIdFault(String(issue.input)) ?? ''}`,
});
const audience = z.string().min(audienceLength.least).max(audienceLength.most);
/** A SPIFFE ID, a prefix of some, or a trust domain. */
export const callerPattern = z.string().refine(isCallerPattern, {
  error: (issue) => `matches no caller: ${callerPatternFault(String(issue.input)) ?? ''}`,
});
const host = z.string().regex(hostPattern);
const headerName = z.string().regex(headerNamePattern, 'must be a header name in lower case');

const injectRule = z.strictObject({
  name: ruleName,
  mode: z.literal('inject'),
  /** Audience of tokens for hosts that `audienceByHost` does not name; without it those requests pass untouched. */
  audience: audience.optional(),
  /** Host, `host:port` or `*.suffix` → audience; the exact host wins, then the longest suffix. */
  audienceByHost: z
    .record(host, audience, {
      error: ({ code }) =>
        code === 'invalid_key'
          ? 'must be a host, host:port or *.suffix, which has no port'
          : undefined,
    })
    .optional(),
  /** What happens to a request that already has an Authorization header. */
  authorization: z.enum(authorizations).default('deny'),
  /** Ask for this SVID where the workload has several. */
  spiffeId: spiffeId.optional(),
});

const validateRule = z.strictObject({
  name: ruleName,
  mode: z.literal('validate'),
  /** A token must be meant for one of these. */
  audiences: z.array(audience).min(1),
  /** SPIFFE IDs, prefixes ending in `/*`, or trust domains (`spiffe://domain`) that may call; absent: those of the workload's own trust domain. */
  allowCallers: z.array(callerPattern).min(1).optional(),
  /** Paths (exact, or ending in `*`) that need no token. */
  skipPaths: z.array(z.string().startsWith('/')).optional(),
  /** Request header that carries the verified SPIFFE ID to the app. */
  callerHeader: headerName
    .refine((name) => callerHeaderFault(name) === undefined, {
      error: ({ input }) => `must be ${callerHeaderFault(String(input)) ?? 'another header'}`,
    })
    .optional(),
  /** Whether the app gets to see the verified token; absent: it does. */
  forwardToken: z.boolean().optional(),
  /** Whether checks that name no rule are this one's, beside other rules: Istio's extension providers name none. */
  takesUnnamed: z.boolean().optional(),
});

const port = z.int().min(ports.least).max(ports.most);
const settingsFields = z.strictObject({
  version: z.literal(1),
  /** `unix:///path` or `tcp://ip:port`; absent: the environment's SPIFFE_ENDPOINT_SOCKET. */
  workloadApi: z.string().optional(),
  listen: z
    .union([
      z.strictObject({ host: z.string().default(usualListen.host), port }),
      z.strictObject({ socket: z.string().startsWith('/') }),
    ])
    .default(usualListen),
  health: z.strictObject({ host: z.string().default(usualHealth.host), port }).default(usualHealth),
  /**
   * `ext-authz`: Envoy asks about each request. `native`: Envoy's own filters do the work, with tokens by SDS and keys
   * by JWKS from the address of `listen`, and no request is asked about.
   */
  dataPath: z.enum(dataPaths).default('ext-authz'),
  logLevel: z.enum(logLevels).default('info'),
  rules: z
    .array(z.discriminatedUnion('mode', [injectRule, validateRule, banRule]))
    .min(1)
    .refine(haveOwnNames, 'two rules have the same name'),
});

/** Whoever asks without a name would get no answer, or one of two. */
const settings = settingsFields
  .refine(({ rules }) => oneTakesUnnamed(rules), 'two rules take unnamed checks')
  .refine(
    canTakeUnnamed,
    'a rule that takes unnamed checks (takesUnnamed) is asked about each request: it needs the data path ext-authz',
  );

export type HelperSettings = Readonly<z.infer<typeof settingsFields>>;
/** As written: defaults may be left out. */
export type HelperSettingsInput = Readonly<z.input<typeof settingsFields>>;
export type Rule = HelperSettings['rules'][number];

const shape = { schema: settings, code: 'CONFIG_INVALID' } as const;

/** @param where names the file in messages. @throws {AppError} CONFIG_INVALID, naming every wrong key. */
export function checkSettings(value: unknown, where: string): HelperSettings {
  return Object.freeze(checkShape(value, shape, where));
}

/**
 * Reads what `renderSettings` writes, and YAML that people write.
 * @throws {AppError} CONFIG_INVALID with line and column, or with every wrong key
 */
export function readSettings(text: string, where: string): HelperSettings {
  return Object.freeze(readShape(text, shape, where));
}

export function renderSettings(value: HelperSettingsInput): string {
  return settingsText(value);
}
