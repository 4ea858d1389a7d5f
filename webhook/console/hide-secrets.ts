/** What a page must not show: tokens, keys, and what people write into environment variables. */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { setMember } from '#kernel/members.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';

/** Stands where something is left out. */
export const notShown = '(not shown)';

/** A JWT, or any other compact JOSE text: its first part is base64url of `{"`. */
const jose = /\beyJ[\w-]{5,}(?:\.[\w-]*){1,4}/g;
const privateKey =
  /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|$)/g;
const bearer = /\b(bearer|basic)(\s+)[\w.~+/-]{8,}=*/gi;
/** `password: x`, `client_secret="x"`, `--api-token=x`; the value ends at the line, a quote or a space. */
const named =
  /((?:password|passwd|secret[-_]?key|client[-_]?secret|api[-_]?key|access[-_]?key|private[-_]?key|auth[-_]?token|api[-_]?token)["']?\s*[:=]\s*)(["']?)([^\s"',}]+)\2/gi;
/** Of a URL. */
const userInfo = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s@/]+@/gi;

/** A text without what looks like a token, a key or a password. */
export function withoutSecrets(text: string): string {
  return text
    .replace(privateKey, notShown)
    .replace(jose, notShown)
    .replace(bearer, `$1$2${notShown}`)
    .replace(named, `$1$2${notShown}$2`)
    .replace(userInfo, `$1${notShown}@`);
}

/** What clients keep there is a copy of the object, values included. */
const copies: ReadonlySet<string> = new Set(['kubectl.kubernetes.io/last-applied-configuration']);

/**
 * An object as a page may show it: without literal values of environment variables, in whatever place they are, without the
 * copies of itself in annotations, and without what only the server writes.
 */
export function shownObject(object: JsonObject): JsonObject {
  const { status, ...rest } = object;
  const shown: Record<string, Json> = {};
  for (const [key, value] of Object.entries(rest))
    setMember(shown, key, key === 'metadata' ? shownMetadata(value) : shownValue(value));
  return shown;
}

/** Only the server writes these. */
const written: ReadonlySet<string> = new Set([
  'managedFields',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'selfLink',
]);

function shownMetadata(value: Json | undefined): Json {
  if (!isObject(value)) return value ?? null;
  const shown: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value))
    if (!written.has(key))
      setMember(shown, key, key === 'annotations' ? withoutCopies(member) : shownValue(member));
  return shown;
}

function withoutCopies(annotations: Json | undefined): Json {
  if (!isObject(annotations)) return annotations ?? null;
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !copies.has(key)));
}

function shownValue(value: Json | undefined): Json {
  if (isArray(value)) return value.map(shownValue);
  if (!isObject(value)) return value ?? null;
  const shown: Record<string, Json> = {};
  // Ours holds nothing but what its template says.
  const isOurs = value['name'] === helperContainer;
  for (const [key, member] of Object.entries(value))
    setMember(shown, key, key === 'env' && !isOurs ? shownVariables(member) : shownValue(member));
  return shown;
}

/** @see core/v1 EnvVar: a reference to a Secret says no value, and stays */
function shownVariables(variables: Json | undefined): Json {
  if (!isArray(variables)) return variables ?? null;
  return variables.map((each) =>
    isObject(each) && typeof each['value'] === 'string' ? { ...each, value: notShown } : each,
  );
}
