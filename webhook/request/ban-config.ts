/** What the configuration says of bans, and what annotations make of it. */
import * as z from 'zod';
import { AppError } from '#kernel/errors.ts';
import { isArray, stringAt } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { dnsLabel } from '#kernel/dns-label.ts';
import { banDirectory, payloadNamespace } from '../../sidecar/config/helper-contract.ts';
import type { Variables } from '../templates/substitute.ts';
import { banHostPattern, banTokenForms, banTokenPattern, isBanClaim } from './ban-forms.ts';
import { annotationKey } from './metadata-keys.ts';
import type { Settings } from './read-annotations.ts';

const cookiePrefix = 'cookie:';
const metadataPrefix = 'metadata:';
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

/** A service that is asked; shorter than the filter's own timeout in `templates/jwt-ban`. */
const httpStore = z.strictObject({
  http: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  deadlineMs: z.int().min(1).max(80).optional(),
  connections: z.int().min(1).max(1_024).optional(),
});
const store = z.union([configMapStore, httpStore]);
type Store = z.infer<typeof store>;

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
      .record(z.string().regex(dnsLabel), store)
      .default({ default: { configMap: 'svidecar-bans', key: 'bans.jsonl' } }),
  })
  .refine(({ store, stores }) => Object.hasOwn(stores, store), {
    error: 'store names none of the stores',
  });
type BansConfig = Readonly<z.infer<typeof bansSchema>>;

/** @throws {AppError} ANNOTATION_INVALID for a store that is not configured */
export function banVariables(settings: Settings, bans: BansConfig): Variables {
  const token = stringAt(settings, 'ban-token') ?? bans.token;
  const found = storeOf(settings, bans);
  const configMap = 'configMap' in found ? found : undefined;
  const claims = settings['ban-claims'];
  const hosts = settings['ban-hosts'];
  return {
    banClaims: isArray(claims) ? claims : bans.claims,
    banHosts: isArray(hosts) ? hosts : bans.hosts,
    banCookie: behind(cookiePrefix, token),
    banMetadata: behind(metadataPrefix, token),
    // Without a value where they do not apply, so that they change no name.
    banNamespaces: token.startsWith(metadataPrefix) ? [payloadNamespace] : undefined,
    banBody: bans.body,
    banConfigMap: configMap?.configMap,
    bansFromConfigMap: configMap !== undefined,
    banDirectory,
    banStore: 'http' in found ? found : { file: `${banDirectory}/${found.key}` },
  };
}

function behind(prefix: string, token: string): string | undefined {
  return token.startsWith(prefix) ? token.slice(prefix.length) : undefined;
}

function storeOf(settings: Settings, { store, stores }: BansConfig): Store {
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
