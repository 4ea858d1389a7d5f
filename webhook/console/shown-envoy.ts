/**
 * Values of an Envoy configuration as a page may show them, whichever of its two spellings a field has. Left out are inline
 * data, literal values of headers, members named as secrets are, and what is nobody's format (Struct, scripts).
 */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own, setMember } from '#kernel/members.ts';
import { notShown, withoutSecrets } from './hide-secrets.ts';
import { isHarmlessHeader, isSensitiveName, wordsOfName } from './sensitive-names.ts';

/** Cost: O(n) */
export function shownEnvoy(value: Json): Json {
  return shownPart(value, false);
}

/** The same shape, with no text and no number in it. */
export function hiddenLeaves(value: Json): Json {
  if (isArray(value)) return value.map(hiddenLeaves);
  if (!isObject(value)) return value === null || typeof value === 'boolean' ? value : notShown;
  const shown: Record<string, Json> = {};
  for (const [key, member = null] of Object.entries(value))
    setMember(shown, withoutSecrets(key), hiddenLeaves(member));
  return shown;
}

/** Whatever they hold. @see core.v3 DataSource, Payload; Lua, and Structs that anybody fills */
const hidden: ReadonlySet<string> = new Set([
  'inline_string',
  'inline_bytes',
  'inline_code',
  'binary',
  'text',
  'filter_context',
  'filter_metadata',
]);
/** What tells where a secret is, not what it is. */
const references: ReadonlySet<string> = new Set([
  '@type',
  'name',
  'filename',
  'environment_variable',
]);
/** Named as a secret is, and none. @see type.v3 TokenBucket */
const harmless: ReadonlySet<string> = new Set(['max_tokens', 'tokens_per_fill']);

/** @param isSecret whether it stands below a member that is named as secrets are */
function shownPart(value: Json, isSecret: boolean): Json {
  if (isArray(value)) return value.map((each) => shownPart(each, isSecret));
  if (isObject(value)) return shownMessage(value, isSecret);
  if (value === null || typeof value === 'boolean') return value;
  if (isSecret) return notShown;
  return typeof value === 'string' ? withoutSecrets(value) : value;
}

function shownMessage(message: JsonObject, isSecret: boolean): JsonObject {
  const isPair = isHiddenPair(message);
  const isFree = isFreeForm(message);
  const isBelow = isSecret && !isReference(message);
  const shown: Record<string, Json> = {};
  for (const [key, member = null] of Object.entries(message)) {
    const field = wordsOfName(key).join('_');
    const isLiteral = (isPair && isPairValue(field)) || (isFree && field === 'value');
    const part =
      isLiteral || hidden.has(field)
        ? hiddenLeaves(member)
        : shownField(key, { member, field, isBelow });
    setMember(shown, withoutSecrets(key), part);
  }
  return shown;
}

const referring = ['sds_config', 'sdsConfig', 'typed_config', 'typedConfig'] as const;

/** Where a secret comes from: what is secret in it has a name of its own. */
function isReference(message: JsonObject): boolean {
  return referring.some((key) => own(message, key) !== undefined);
}

interface Field {
  readonly member: Json;
  /** Its name in the message. */
  readonly field: string;
  readonly isBelow: boolean;
}

function shownField(key: string, { member, field, isBelow }: Field): Json {
  if (references.has(key) || references.has(field)) return shownPart(member, false);
  if (harmless.has(field)) return member;
  if (field === 'node' && isObject(member)) return shownNode(member);
  const isLeaf = !isObject(member) && !(isArray(member) && member.some(isObject));
  const isNamed = isLeaf ? isSensitiveName(field) : isNameOfSecrets(field);
  return shownPart(member, isBelow || isNamed);
}

/** Its metadata is a Struct. @see core.v3 Node */
function shownNode(node: JsonObject): JsonObject {
  const metadata = own(node, 'metadata');
  const shown = shownMessage(node, false);
  return metadata === undefined ? shown : { ...shown, metadata: hiddenLeaves(metadata) };
}

/** Of a message: `token_endpoint` holds an address, `client_secret` the secret. */
function isNameOfSecrets(field: string): boolean {
  const words = field.split('_');
  const last = words.at(-1) ?? '';
  return isSensitiveName(last.startsWith('key') ? words.slice(-2).join('_') : last);
}

/** `{key, value}` and `{name, string_match}`: literal values of headers and parameters. */
function isHiddenPair(message: JsonObject): boolean {
  const name = own(message, 'key') ?? own(message, 'name') ?? own(message, 'header_name');
  if (typeof name !== 'string') return false;
  const value = own(message, 'value');
  return !isHarmlessHeader(name) && !(typeof value === 'string' && isOperator(value));
}

/** `%REQ(X)%` stands for what comes with each request. */
function isOperator(value: string): boolean {
  return /^%[A-Z_]+(?:\([^()%]*\))?%$/.test(value);
}

const pairValues: ReadonlySet<string> = new Set(['value', 'raw_value', 'string_value']);

/** @see route.v3 HeaderMatcher, QueryParameterMatcher */
function isPairValue(field: string): boolean {
  return pairValues.has(field) || field.endsWith('_match');
}

/** @see google.protobuf StringValue, BytesValue, Struct; xds.type.v3 TypedStruct of something that is not Envoy's */
function isFreeForm(message: JsonObject): boolean {
  const type = own(message, '@type');
  if (typeof type !== 'string') return false;
  if (/\.(?:StringValue|BytesValue|Struct|Value|ListValue)$/.test(type)) return true;
  const inner = own(message, 'type_url') ?? own(message, 'typeUrl');
  return type.endsWith('.TypedStruct') && !(typeof inner === 'string' && /\/envoy\./.test(inner));
}
