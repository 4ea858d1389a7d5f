/** What the configuration says of bans, and what annotations make of it. */
import * as z from 'zod';
import { AppError } from '#kernel/errors.ts';
import { isArray, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { dnsLabel } from '#kernel/dns-label.ts';
import {
  banDirectory,
  banSecretsDirectory,
  payloadNamespace,
  usualBanList,
} from '../../sidecar/config/helper-contract.ts';
import type { Variables } from '../templates/substitute.ts';
import {
  banHostPattern,
  banTokenForms,
  banTokenPattern,
  isBanClaim,
  longestDeadlineMs,
} from './ban-forms.ts';
import { annotationKey } from './metadata-keys.ts';
import type { Settings } from './read-annotations.ts';
import { redisSettingsOf, redisStoreConfig, secretSources } from './redis-store-config.ts';

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
    .default(usualBanList.key),
});

/** A service that is asked. */
const httpStore = z.strictObject({
  http: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  deadlineMs: z.int().min(1).max(longestDeadlineMs).optional(),
  connections: z.int().min(1).max(1_024).optional(),
});
const store = z.union([configMapStore, httpStore, redisStoreConfig], { error: faultOfStore });
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
    stores: z.record(z.string().regex(dnsLabel), store).default({ default: { ...usualBanList } }),
  })
  .refine(({ store, stores }) => Object.hasOwn(stores, store), {
    error: 'store names none of the stores',
  });
type BansConfig = Readonly<z.infer<typeof bansSchema>>;

/** Of the kind of store that is meant, by its key; a union would say nothing but that none fits. */
function faultOfStore({ input, errors }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>) {
  const kinds = ['configMap', 'http', 'redis'];
  const given = kinds.filter(
    (key) => typeof input === 'object' && input !== null && Object.hasOwn(input, key),
  );
  const [only = ''] = given;
  const kind = given.length === 1 ? kinds.indexOf(only) : -1;
  const faults = (errors[kind] ?? []).map(
    ({ path, message }) => `${[...path.map(String), ''].join('.').replace(/\.$/, ': ')}${message}`,
  );
  return faults.length === 0
    ? 'must be one of {configMap: NAME}, {http: URL} and {redis: …}'
    : faults.join('; ');
}

/** @throws {AppError} ANNOTATION_INVALID for a store that is not configured */
export function banVariables(settings: Settings, bans: BansConfig): Variables {
  const token = stringAt(settings, 'ban-token') ?? bans.token;
  const found = storeOf(settings, bans);
  const configMap = 'configMap' in found ? found : undefined;
  const secrets = 'redis' in found ? secretSources(found) : [];
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
    banSecrets: secrets,
    bansNeedSecrets: secrets.length > 0,
    banSecretsDirectory,
    banStore: storeSettings(found),
  };
}

function behind(prefix: string, token: string): string | undefined {
  return token.startsWith(prefix) ? token.slice(prefix.length) : undefined;
}

function storeSettings(found: Store): JsonObject {
  if ('http' in found) return found;
  return 'redis' in found ? redisSettingsOf(found) : { file: `${banDirectory}/${found.key}` };
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
