/** Names whose values a page leaves out: of members, headers, parameters, flags and variables. */

/** In whatever word they stand, as in `PGPASSWORD`. */
const telling = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'apikey',
  'credential',
  'privatekey',
  'accesskey',
] as const;

const tellingWords: ReadonlySet<string> = new Set(['pass', 'pwd', 'pw']);

/** Those mean other things in prose as well. */
const otherWords: ReadonlySet<string> = new Set([
  'auth',
  'authorization',
  'bearer',
  'cookie',
  'dsn',
  'jwt',
  'otp',
  'pin',
  'session',
  'sessionid',
  'sid',
  'sig',
  'signature',
]);

/** Before `key`. */
const keyWords: ReadonlySet<string> = new Set([
  'access',
  'account',
  'api',
  'auth',
  'encryption',
  'hmac',
  'license',
  'master',
  'private',
  'secret',
  'service',
  'shared',
  'signing',
]);

/** `apiKey`, `API_KEY` and `x-api-key` alike: `api`, `key`. */
export function wordsOfName(name: string): readonly string[] {
  return name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_')
    .toLowerCase()
    .split(/[^a-z0-9]/)
    .filter((word) => word !== '');
}

/** A name of a secret, and of nothing else. */
export function isPlainlySensitive(name: string): boolean {
  const words = wordsOfName(name);
  return words.some(
    (word, index) =>
      tellingWords.has(word) ||
      telling.some((each) => word.includes(each)) ||
      (word.startsWith('key') && keyWords.has(words[index - 1] ?? '')),
  );
}

/** A name that may be one of a secret. */
export function isSensitiveName(name: string): boolean {
  return (
    isPlainlySensitive(name) ||
    wordsOfName(name).some((word) => otherWords.has(word) || word.includes('token'))
  );
}

/** Headers whose values say nothing of a secret. @see RFC 9110; `x-forwarded-…`, `x-envoy-…`, and svidecar's own */
const harmlessHeaders: ReadonlySet<string> = new Set([
  ':authority',
  ':method',
  ':scheme',
  ':status',
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'server',
  'strict-transport-security',
  'svidecar-rule',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'vary',
  'via',
  'x-content-type-options',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-frame-options',
  'x-request-id',
]);

export function isHarmlessHeader(name: string): boolean {
  return harmlessHeaders.has(name.toLowerCase());
}
