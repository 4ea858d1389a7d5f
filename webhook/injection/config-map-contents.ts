/** Texts and bytes of a ConfigMap: the kubelet makes files of both, and Envoy cannot tell them apart. */
import { hash } from 'node:crypto';
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';

export interface ConfigMapContents {
  readonly data: Readonly<Record<string, string>>;
  /** Bytes by key, in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

type Texts = Readonly<Record<string, string>>;

/** Two ConfigMaps have the same digest when they have the same texts and bytes under the same keys. */
export function digestOf(data: Texts, binaryData: Texts = {}): string {
  const sorted = [data, binaryData].map((values) =>
    Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return hash('sha256', JSON.stringify(sorted), 'base64');
}

/** Bytes of all values together that the API server accepts (core/v1 validation: MaxSecretSize). */
export const maxConfigMapBytes = 1_048_576;

/**
 * All values that are text, also those in `binaryData`.
 * @throws {AppError} ENVOY_CONFIG_INVALID where `main` is not UTF-8
 */
export function textsOf(
  { data, binaryData = {} }: ConfigMapContents,
  { main, name }: { readonly main: string; readonly name: string },
): Texts {
  const texts = new Map(Object.entries(data));
  for (const [key, base64] of Object.entries(binaryData)) {
    const text = decoded(base64);
    if (text !== undefined) texts.set(key, text);
    else if (key === main) {
      throw new AppError(
        'ENVOY_CONFIG_INVALID',
        `${name} ${key}: it is in binaryData and not UTF-8 text, so nothing can be added to it; write it as text under data`,
        { reason: 'not_utf8' },
      );
    }
  }
  // Keys are the user's, and may be names of Object.prototype.
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(texts));
}

function decoded(base64: string): string | undefined {
  const bytes = Buffer.from(base64, 'base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // It is bytes of another kind, such as a descriptor set: copied, not read.
    return undefined;
  }
}

/** Changed texts go into `data`; everything else stays unchanged where it was. */
export function contentsOf(
  { data, binaryData = {} }: ConfigMapContents,
  { before, after }: { readonly before: Texts; readonly after: Texts },
): Required<ConfigMapContents> {
  const changed = Object.keys(binaryData).filter((key) => own(after, key) !== own(before, key));
  const kept = Object.entries(binaryData).filter(([key]) => !changed.includes(key));
  const texts = [...Object.keys(data), ...changed].map(
    (key) => [key, own(after, key) ?? ''] as const,
  );
  return { data: Object.fromEntries(texts), binaryData: Object.fromEntries(kept) };
}

/** @throws {AppError} ENVOY_CONFIG_INVALID where the API server would not store it */
export function requireSize(contents: Required<ConfigMapContents>, name: string): void {
  let bytes = 0;
  for (const text of Object.values(contents.data)) bytes += Buffer.byteLength(text, 'utf8');
  for (const base64 of Object.values(contents.binaryData))
    bytes += Buffer.byteLength(base64, 'base64');
  if (bytes <= maxConfigMapBytes) return;
  throw new AppError(
    'ENVOY_CONFIG_INVALID',
    `${name}: with what is added to it its copy has ${bytes} bytes, and the API server stores at most ${maxConfigMapBytes} in a ConfigMap; move what Envoy does not read from here (certificates, descriptors, pages) into a ConfigMap of its own`,
    { reason: 'copy_too_large' },
  );
}

const mebibyte = 1024 * 1024;

/** How much of the texts of ConfigMaps is held in memory, in characters. */
export const heldTexts = Object.freeze({
  // Sixteen ConfigMaps of the largest size, or some thousand of usual ones.
  ofNamespace: 16 * mebibyte,
  // A quarter of the heap of 192 MiB, or half of it where every text has a character that V8 needs two bytes for.
  ofAll: 48 * mebibyte,
});

/** The message that a source is too large to be held beside the others of its namespace. */
export function withheldMessage(source: {
  readonly namespace: string;
  readonly name: string;
  readonly bytes: number;
}): string {
  const { namespace, name, bytes } = source;
  return `ConfigMap ${namespace}/${name} (${bytes} bytes) is not held: svidecar holds at most ${heldTexts.ofNamespace / mebibyte} MiB of ConfigMaps of one namespace and ${heldTexts.ofAll / mebibyte} MiB in all, and leaves out the largest first; make it smaller, or move large ConfigMaps that no Envoy reads into a namespace without the label svidecar.dev/injection`;
}
