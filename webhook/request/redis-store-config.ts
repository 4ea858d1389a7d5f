/**
 * A list of bans in Redis, as the configuration names it. What is secret stands in Secrets of the workload's own namespace,
 * and is mounted into the helper as files: of each Secret only the keys that are used.
 */
import * as z from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import { banSecretsDirectory } from '../../sidecar/config/helper-contract.ts';
import { redisStore } from '../../sidecar/config/redis-settings.ts';
import { longestDeadlineMs } from './ban-forms.ts';

const secret = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of a Secret');
const secretKey = z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/, 'must be a key of a Secret');
/** What the helper takes. */
const helpers = redisStore.shape.redis;
const { shape } = helpers;

/** As a Secret of the type kubernetes.io/basic-auth has it. */
const auth = z.strictObject({
  secret,
  passwordKey: secretKey.default('password'),
  /** Absent: `username`, or Redis' user `default`. */
  usernameKey: secretKey.optional(),
});

/** As a Secret of the type kubernetes.io/tls, and cert-manager's, have it. */
const tls = z
  .strictObject({
    /** Absent: the runtime's own authorities are trusted. */
    secret: secret.optional(),
    caKey: secretKey.default('ca.crt'),
    /** Whether the helper shows the certificate `tls.crt`, with `tls.key`. */
    clientCertificate: z.boolean().default(false),
    serverName: shape.tls.unwrap().shape.serverName,
  })
  .refine((given) => !given.clientCertificate || given.secret !== undefined, {
    error: 'must be there for a clientCertificate',
    path: ['secret'],
  });

const redis = z
  .strictObject({
    url: shape.url.refine((url) => url?.startsWith('unix:') !== true, {
      error:
        'must be redis://host:port or rediss://host:port: the pod has no socket of Redis; give the address of its Service',
    }),
    sentinel: shape.sentinel,
    cluster: shape.cluster,
    username: shape.username,
    auth: auth.optional(),
    tls: tls.optional(),
    /** With it, the store holds no values. */
    hmac: z.strictObject({ secret, key: secretKey.default('hmac-key') }).optional(),
    prefix: shape.prefix.unwrap().optional(),
    mirrored: shape.mirrored.unwrap().optional(),
    mirroredBytes: shape.mirroredBytes.unwrap().optional(),
    deadlineMs: z.int().min(1).max(longestDeadlineMs).optional(),
  })
  .refine(({ username, auth }) => username === undefined || auth !== undefined, {
    error: 'must be there for a username',
    path: ['auth'],
  })
  .superRefine((given, context) => {
    const { error } = helpers.safeParse(settingsOf(given));
    const known = new Set(context.issues.map((issue) => String(issue.path)));
    for (const { message, path } of error?.issues ?? [])
      // A file that is missing was told above, as the key that would give it.
      if (!known.has(String(path)) && path[0] !== 'passwordFile')
        context.addIssue({ code: 'custom', message, path: [...path] });
  });
type RedisGiven = Readonly<z.infer<typeof redis>>;

export const redisStoreConfig = z.strictObject({ redis });

/** The store in the settings of the helper. */
export function redisSettingsOf({ redis: given }: z.infer<typeof redisStoreConfig>): JsonObject {
  return { redis: settingsOf(given) };
}

/** Members without a value are left out where settings are written. */
function settingsOf({ auth, tls, hmac, ...rest }: RedisGiven): JsonObject {
  const ofTls = tls && {
    ca: tls.secret && pathOf('ca.crt'),
    cert: tls.clientCertificate ? pathOf('tls.crt') : undefined,
    key: tls.clientCertificate ? pathOf('tls.key') : undefined,
    serverName: tls.serverName,
  };
  return {
    ...rest,
    tls: ofTls,
    usernameFile: auth?.usernameKey && pathOf('username'),
    passwordFile: auth && pathOf('password'),
    hmacKeyFile: hmac && pathOf('hmac-key'),
  };
}

function pathOf(file: string): string {
  return `${banSecretsDirectory}/${file}`;
}

/** The sources of a projected volume. A Secret or a key that is missing keeps no pod from starting. */
export function secretSources({ redis: given }: z.infer<typeof redisStoreConfig>): JsonObject[] {
  const bySecret = Map.groupBy(filesOf(given), (each) => each.secret);
  return [...bySecret].map(([name, files]) => ({
    secret: { name, optional: true, items: files.map(({ key, path }) => ({ key, path })) },
  }));
}

/** A key of a Secret, and the file that it becomes. */
interface SecretFile {
  readonly secret: string;
  readonly key: string;
  readonly path: string;
}

function filesOf({ auth, tls, hmac }: RedisGiven): readonly SecretFile[] {
  return [
    ...(auth === undefined ? [] : filesOfAuth(auth)),
    ...(tls?.secret === undefined ? [] : filesOfTls(tls.secret, tls)),
    ...(hmac === undefined ? [] : [{ ...hmac, path: 'hmac-key' }]),
  ];
}

function filesOfAuth({
  secret,
  passwordKey,
  usernameKey,
}: z.infer<typeof auth>): readonly SecretFile[] {
  const password = { secret, key: passwordKey, path: 'password' };
  return usernameKey === undefined
    ? [password]
    : [password, { secret, key: usernameKey, path: 'username' }];
}

function filesOfTls(
  secret: string,
  { caKey, clientCertificate }: z.infer<typeof tls>,
): readonly SecretFile[] {
  const own = clientCertificate ? ['tls.crt', 'tls.key'] : [];
  return [
    { secret, key: caKey, path: 'ca.crt' },
    ...own.map((key) => ({ secret, key, path: key })),
  ];
}
