/**
 * The settings of `svidecar bans serve`: where bans are kept, who may change them, and whose logouts count.
 * Shape: a YAML document. Unknown keys are refused.
 */
import * as z from 'zod';
import { everyAddress } from '#kernel/every-address.ts';
import { logLevels } from '#kernel/observe.ts';
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import { claimName, claimNames, cookieName } from '../../sidecar/config/ban-settings.ts';
import { readShape } from '../../sidecar/config/check-shape.ts';
import { redisStore } from '../../sidecar/config/redis-settings.ts';
import { callerPattern } from '../../sidecar/config/settings.ts';
import { configuredIn, listenerFaults, type ServedPart } from './listener-faults.ts';

const file = z.string().startsWith('/', 'must be the whole path of a file').max(4_096);
const callers = z.array(callerPattern).min(1).max(256);
const seconds = z.int().min(60).max(31_536_000);

const store = z.union([
  redisStore,
  z.strictObject({ file }),
  z.strictObject({
    /** `namespace/name`. */
    configMap: z
      .string()
      .regex(/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/, 'must be written namespace/name'),
  }),
]);
export type ServedStore = z.infer<typeof store>;
/** One that tells of its changes at once, so that its list can be held in memory. */
export type FollowedStore = Exclude<ServedStore, { configMap: string }>;

const listener = z.strictObject({
  host: z.string().min(1).max(253).default(everyAddress),
  port: z.int().min(1).max(65_535).default(8_443),
  /** `spiffe`: with the X.509-SVID of the Workload API; a folder with `tls.crt` and `tls.key`; absent: without TLS. */
  tls: z.union([z.literal('spiffe'), z.strictObject({ folder: file })]).optional(),
  /** What it answers; absent: all that is configured. */
  serves: z
    .array(z.enum(['bans', 'check', 'logout']))
    .min(1)
    .optional(),
});

/** Asymmetric ones alone: with a shared secret, whoever checks a token could also make it. */
const algorithm = z.enum([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]);
export const logoutAlgorithms = algorithm.options;

const provider = z.strictObject({
  /** Exactly as `iss` has it. */
  issuer: z.url({ protocol: /^https?$/, error: 'must be the http or https URL of the issuer' }),
  /** Client ids, one of which `aud` must name. */
  audiences: z.array(z.string().min(1).max(512)).min(1).max(16),
  /** Its key set (RFC 7517). */
  keys: z.union([
    z.strictObject({
      url: z.url({ protocol: /^https$/, error: 'must be an https URL' }),
      /** Authorities that its server is trusted by, in place of the runtime's. */
      ca: file.optional(),
    }),
    z.strictObject({ file }),
  ]),
  algorithms: z
    .array(algorithm)
    .min(1)
    .default(() => [...logoutAlgorithms]),
  /** Claims of the banned tokens in which a session and a user stand; absent: `sid` and `sub`, as in the logout token. */
  claims: z
    .strictObject({ sid: claimName.default('sid'), sub: claimName.default('sub') })
    .default({ sid: 'sid', sub: 'sub' }),
  /** How long a logout's ban lasts: the longest that a token of this provider lives. */
  banForSeconds: seconds.default(86_400),
});
export type LogoutProvider = Readonly<z.infer<typeof provider>>;

const perSecond = z.int().min(1).max(1_000_000);
const limits = z.strictObject({
  /** Requests a second of one caller, and of all; twice as many may come at once. */
  perCaller: perSecond.default(50),
  all: perSecond.default(500),
  /** Questions a second of `/check`, and logouts a second of one address. */
  checks: perSecond.default(5_000),
  logouts: perSecond.default(20),
});
export type ServiceLimits = Readonly<z.infer<typeof limits>>;

const settings = z
  .strictObject({
    version: z.literal(1),
    store,
    /** `unix:///path` or `tcp://ip:port`. */
    workloadApi: z.string().default('unix:///spiffe-workload-api/spire-agent.sock'),
    /** Which of several X.509-SVIDs is served; absent: the first. */
    spiffeId: z
      .string()
      .refine((text) => spiffeIdFault(text) === undefined, 'must be a SPIFFE ID')
      .optional(),
    listen: z
      .array(listener)
      .min(1)
      .max(4)
      .default([{ host: everyAddress, port: 8_443, tls: 'spiffe' }]),
    /** Who may read and change bans. */
    callers: z
      .strictObject({
        /** SPIFFE IDs, prefixes ending in `/*`, or trust domains. */
        allow: callers,
        /** What their JWT-SVIDs must be meant for; absent: callers show X.509-SVIDs. */
        audiences: z.array(z.string().min(1).max(512)).min(1).max(16).optional(),
      })
      .optional(),
    /** `GET /check`, for helpers whose store is this service. */
    check: z
      .strictObject({
        claims: claimNames,
        /** The cookie that holds the token; absent: the Authorization header does. */
        cookie: cookieName.optional(),
        /** Who may ask, by X.509-SVID, since the token in the request is its user's; absent: anyone. */
        allow: callers.optional(),
      })
      .optional(),
    /** OpenID providers whose back-channel logouts end sessions. */
    logout: z
      .array(provider)
      .min(1)
      .max(64)
      .refine(
        (all) => new Set(all.map(({ issuer }) => issuer)).size === all.length,
        'two providers have the same issuer; one may have several audiences',
      )
      .optional(),
    limits: limits.default(() => limits.parse({})),
    /** 32 to 1,024 bytes: the audit log then has a keyed hash of each claim and value, so that lines about one are seen. */
    auditKeyFile: file.optional(),
    logLevel: z.enum(logLevels).default('info'),
    /** Anyone who reaches the listener may change bans. Only on loopback. */
    insecureNoAuthentication: z.literal(true).optional(),
  })
  .superRefine((value, context) => {
    if (value.check !== undefined && 'configMap' in value.store)
      context.addIssue({
        code: 'custom',
        message: 'goes with a store in a file or in Redis only',
        path: ['check'],
      });
    for (const { message, path } of listenerFaults(value))
      context.addIssue({ code: 'custom', message, path: [...path] });
  });

export type ServiceSettings = Readonly<z.infer<typeof settings>>;
/** As written: defaults may be left out. */
export type ServiceSettingsInput = Readonly<z.input<typeof settings>>;
export type ServiceListener = ServiceSettings['listen'][number];

/** What a listener answers. */
export function servedBy(
  listener: ServiceListener,
  settings: ServiceSettings,
): readonly ServedPart[] {
  return listener.serves ?? configuredIn(settings);
}

/** @param where names the file in messages. @throws {AppError} CONFIG_INVALID with line and column, or with every wrong key */
export function readServiceSettings(text: string, where: string): ServiceSettings {
  return Object.freeze(readShape(text, { schema: settings, code: 'CONFIG_INVALID' }, where));
}
