/** The shape of a rule that bans: which requests, which claims of their tokens, and where the list is. */
import * as z from 'zod';
import { banLengths, claimPath } from './ban-values.ts';
import { redisStore } from './redis-settings.ts';
import { isObject } from '#kernel/json.ts';
import { ruleName } from './rule-name.ts';

/** A claim's name, or a JSON Pointer (RFC 6901) to one inside an object. */
export const claimName = z
  .string()
  .min(1)
  .max(banLengths.claim)
  .refine((text) => claimPath(text) !== undefined, {
    error: 'must be the name of a claim, or a JSON pointer such as /realm/user',
  });
/** What is looked up of one token. */
export const claimNames = z.array(claimName).min(1).max(8);
/** @see RFC 6265 §4.1.1 */
export const cookieName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'must be the name of a cookie');
const host = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, 'must be a host or *.suffix in lower case');
const path = z
  .string()
  .max(1_024)
  .regex(/^\/[^*?#\s]*\*?$/, 'must be a path that begins with a slash, exact or ending in *');

/** A file with a ban in each line (`ban-list.ts`). */
const fileStore = z.strictObject({ file: z.string().startsWith('/') });

/** A service that is asked about each request with a token. */
const httpStore = z.strictObject({
  http: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .refine((url) => !/[@#]/.test(url), 'must be without user and fragment'),
  /** How long a request waits for the answer; then it passes. Shorter than the Envoy filter's own timeout. */
  deadlineMs: z.int().min(1).max(5_000).default(20),
  /** Requests that wait at once, each with a connection; others pass unasked. */
  connections: z.int().min(1).max(1_024).default(64),
});
export type HttpBanStore = Readonly<z.infer<typeof httpStore>>;

/** Of a store that has one of these keys and is wrong, what is wrong with it. */
const stores = { file: fileStore, http: httpStore, redis: redisStore };
const store = z.union(Object.values(stores), {
  error: ({ input, errors }) => {
    const index = Object.keys(stores).findIndex(
      (key) => isObject(input) && Object.hasOwn(input, key),
    );
    const faults = errors[index]?.map(({ message, path }) => `${message} at ${path.join('.')}`);
    return faults?.join('; ') ?? `must have one of ${Object.keys(stores).join(', ')}`;
  },
});

export const banRule = z
  .strictObject({
    name: ruleName,
    mode: z.literal('ban'),
    /** Hosts that it is about, exact or `*.suffix`; absent: all. */
    hosts: z.array(host).min(1).max(64).optional(),
    /** Paths that it is about, exact or ending in `*`; absent: all. */
    paths: z.array(path).min(1).max(64).optional(),
    /** The cookie that holds the token; absent: the Authorization header does. */
    cookie: cookieName.optional(),
    /**
     * The key under which Envoy's `jwt_authn` leaves the claims of a token that it has verified (`payload_in_metadata`): they are
     * looked at in place of any token. The filter names `envoy.filters.http.jwt_authn` in `metadata_context_namespaces`.
     */
    metadata: z
      .string()
      .regex(/^[!-~]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
      .optional(),
    /** Looked up in a list, which needs at least one; a service decides by itself. */
    claims: claimNames.optional(),
    store,
    /** What a refused client gets to read. */
    body: z.string().max(4_096).default('banned\n'),
  })
  .refine(({ cookie, metadata }) => cookie === undefined || metadata === undefined, {
    error: 'goes without cookie: the claims come from one place',
    path: ['metadata'],
  })
  .refine(({ metadata, store }) => metadata === undefined || !('http' in store), {
    error: 'goes with a list only: a service is asked with the headers of a request',
    path: ['metadata'],
  })
  .refine(({ claims, store }) => claims !== undefined || 'http' in store, {
    error: 'must name the claims that are looked up in the list',
    path: ['claims'],
  });
