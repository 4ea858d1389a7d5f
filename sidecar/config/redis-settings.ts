/** Where a list of bans in Redis (or Valkey) is, and how to get in: for the helper, the command line and the service. */
import * as z from 'zod';

const port = /^\d{1,5}$/;
const isPort = (text: string): boolean => port.test(text) && +text >= 1 && +text <= 65_535;

/** `host:port`, an IPv6 address in brackets. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a URL of a single server says. */
export type RedisTarget =
  | {
      readonly kind: 'tcp';
      readonly address: RedisAddress;
      readonly isTls: boolean;
      readonly database: number;
    }
  | { readonly kind: 'socket'; readonly path: string };

/** The port that a URL without one means. */
const usualPort = 6_379;

/** Undefined for what is no such address. */
export function redisAddress(text: string): RedisAddress | undefined {
  const [, bracketed, plain, at] =
    /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || at === undefined || !isPort(at) ? undefined : { host, port: +at };
}

/** `redis://host:6379/0`, `rediss://host:6379`, `unix:///path`; undefined for any other text, also one with a user or a query. */
export function redisTarget(url: string): RedisTarget | undefined {
  const path = /^unix:\/\/(\/[^?#\0]{1,107})$/.exec(url)?.[1];
  if (path !== undefined) return { kind: 'socket', path };
  const [, tls, authority = '', database = '0'] =
    /^redis(s?):\/\/([^/?#@\s]{1,300})(?:\/(\d{1,5})?)?$/.exec(url) ?? [];
  const address = redisAddress(authority) ?? redisAddress(`${authority}:${usualPort}`);
  return address === undefined
    ? undefined
    : { kind: 'tcp', address, isTls: tls === 's', database: +database };
}

const file = z.string().startsWith('/', 'must be the whole path of a file').max(4_096);
const server = z
  .string()
  .refine((text) => redisAddress(text) !== undefined, 'must be host:port, or [IPv6 address]:port');
const usersName = z.string().regex(/^[^\s\0]{1,256}$/, 'must be a user of Redis, without spaces');

const mebibyte = 1_024 * 1_024;

const settings = z
  .strictObject({
    /** One server. */
    url: z
      .string()
      .refine((text) => redisTarget(text) !== undefined, {
        error:
          'must be redis://host:port/database, rediss://host:port or unix:///path; user and password have keys of their own (username, passwordFile)',
      })
      .optional(),
    /** The master that Sentinels name. */
    sentinel: z
      .strictObject({
        servers: z.array(server).min(1).max(16),
        master: z
          .string()
          .regex(/^[A-Za-z0-9._-]{1,256}$/, 'must be the name that Sentinel has for the master'),
      })
      .optional(),
    /** All masters of a Redis Cluster, found by any of these. */
    cluster: z.strictObject({ servers: z.array(server).min(1).max(64) }).optional(),
    /** For `rediss:`, and for the servers and Sentinels beside it; the files are read anew at each connection. */
    tls: z
      .strictObject({
        /** Authorities that servers are trusted by, in place of the system's. */
        ca: file.optional(),
        /** What the client shows, with its key. */
        cert: file.optional(),
        key: file.optional(),
        /** The name in a server's certificate, where it is not the host's. */
        serverName: z.string().min(1).max(253).optional(),
      })
      .refine(
        ({ cert, key }) => (cert === undefined) === (key === undefined),
        'cert and key go together',
      )
      .optional(),
    username: usersName.optional(),
    usernameFile: file.optional(),
    /** Read anew at each connection: it may rotate. */
    passwordFile: file.optional(),
    /** What the keys of bans begin with. */
    prefix: z
      .string()
      .regex(/^[!-~]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
      .default('ban:'),
    /** Where there is one, the store holds no values, only their HMAC-SHA256 under this key. */
    hmacKeyFile: file.optional(),
    /** Bans held in memory; beyond, they are looked up. */
    mirrored: z.int().min(0).max(2_000_000).default(200_000),
    /** Bytes of the same: twice as many are needed while the list is read again. */
    mirroredBytes: z
      .int()
      .min(mebibyte)
      .max(1_024 * mebibyte)
      .default(24 * mebibyte),
    /** How long a request waits for a lookup beyond; then it passes. */
    deadlineMs: z.int().min(1).max(5_000).default(20),
  })
  .superRefine(({ url, sentinel, cluster, tls, username, usernameFile, passwordFile }, context) => {
    const fault = (message: string, ...path: string[]): void => {
      context.addIssue({ code: 'custom', message, path });
    };
    const places = [url, sentinel, cluster].filter((place) => place !== undefined);
    if (places.length !== 1) fault('must have one of url, sentinel, cluster');
    if (tls !== undefined && url !== undefined && !url.startsWith('rediss:'))
      fault('is only for a url that begins with rediss:', 'tls');
    if (username !== undefined && usernameFile !== undefined)
      fault('must have username or usernameFile, not both');
    const isNamed = username !== undefined || usernameFile !== undefined;
    if (isNamed && passwordFile === undefined) fault('must be there for a user', 'passwordFile');
  });
export type RedisSettings = Readonly<z.infer<typeof settings>>;

export const redisStore = z.strictObject({ redis: settings });
