/** What the configuration says of bans, and what annotations make of it. */
import * as z from 'zod';
import { AppError } from '#kernel/errors.ts';
import { isArray, stringAt } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { claimPath } from '../../sidecar/config/ban-values.ts';
import { banDirectory } from '../../sidecar/config/helper-contract.ts';
import type { Variables } from '../templates/substitute.ts';
import { annotationKey } from './metadata-keys.ts';
import type { Settings } from './read-annotations.ts';

const cookiePrefix = 'cookie:';
/** `header`, or `cookie:` and a name. @see RFC 6265 §4.1.1 */
export const banTokenPattern = /^(?:header|cookie:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})$/;
export const banTokenForms = 'header, or cookie: and the name of a cookie';
export const banHostPattern = /^(?:\*\.)?[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/;

export function isBanClaim(text: string): boolean {
  return text.length <= 256 && claimPath(text) !== undefined;
}

const configMapStore = z.strictObject({
  /** In the workload's own namespace. */
  configMap: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of a ConfigMap'),
  key: z
    .string()
    .regex(/^[-._a-zA-Z0-9]{1,253}$/, 'must be a key of a ConfigMap')
    .default('bans.jsonl'),
});

export const bansSchema = z
  .strictObject({
    claims: z
      .array(z.string().refine(isBanClaim, 'must be the name of a claim, or a JSON pointer'))
      .min(1)
      .max(8)
      .default(['sub']),
    /** Absent: all. */
    hosts: z
      .array(z.string().regex(banHostPattern, 'must be a host or *.suffix in lower case'))
      .min(1)
      .optional(),
    token: z.string().regex(banTokenPattern, `must be ${banTokenForms}`).default('header'),
    /** What a refused client reads; absent: `banned`. */
    body: z.string().max(4_096).optional(),
    store: z.string().default('default'),
    stores: z
      .record(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/), configMapStore)
      .default({ default: { configMap: 'svidecar-bans', key: 'bans.jsonl' } }),
  })
  .refine(({ store, stores }) => Object.hasOwn(stores, store), {
    error: 'store names none of the stores',
  });
type BansConfig = Readonly<z.infer<typeof bansSchema>>;

/** @throws {AppError} ANNOTATION_INVALID for a store that is not configured */
export function banVariables(settings: Settings, bans: BansConfig): Variables {
  const token = stringAt(settings, 'ban-token') ?? bans.token;
  const { configMap, key } = storeOf(settings, bans);
  const claims = settings['ban-claims'];
  const hosts = settings['ban-hosts'];
  return {
    banClaims: isArray(claims) ? claims : bans.claims,
    banHosts: isArray(hosts) ? hosts : bans.hosts,
    banCookie: token.startsWith(cookiePrefix) ? token.slice(cookiePrefix.length) : undefined,
    banBody: bans.body,
    banConfigMap: configMap,
    banDirectory,
    banStore: { file: `${banDirectory}/${key}` },
  };
}

function storeOf(
  settings: Settings,
  { store, stores }: BansConfig,
): z.infer<typeof configMapStore> {
  const name = stringAt(settings, 'ban-store') ?? store;
  const found = own(stores, name);
  if (found !== undefined) return found;
  const key = annotationKey('ban-store');
  throw new AppError(
    'ANNOTATION_INVALID',
    `annotation ${key}: the configuration has no store of this name (bans.stores); it has ${Object.keys(stores).join(', ')}`,
    { facts: { key } },
  );
}
