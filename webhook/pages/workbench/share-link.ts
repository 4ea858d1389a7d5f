/** The whole input as the fragment of a link: compressed, and never sent to a server. */
import { isObject, isArray, stringAt, type Json } from '#kernel/json.ts';
import type { WorkbenchQuestion } from '../../workbench/workbench-model.ts';

/** Characters of a fragment: longer links are cut by mail, chats and terminals. */
export const maxFragment = 30_000;
/** Bytes of what comes out of one; more was not made here. */
const maxInflated = 8 * 1024 * 1024;
const prefix = '#v1.';

export type LinkReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly question: WorkbenchQuestion }
  | { readonly kind: 'broken' };

/** With its `#`; its length says whether it is of use. */
export async function fragmentOf(question: WorkbenchQuestion): Promise<string> {
  const { files, configuration, namespace, kubernetesMinor } = question;
  const texts = files.map(({ name, text }) => ({ name, text }));
  const json = JSON.stringify({ files: texts, configuration, namespace, kubernetesMinor });
  const packed = new Blob([json]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return prefix + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** What a fragment carries. @param fragment with its `#` */
export async function readFragment(fragment: string): Promise<LinkReading> {
  if (fragment === '' || fragment === '#') return { kind: 'none' };
  if (!fragment.startsWith(prefix)) return { kind: 'broken' };
  try {
    const question = questionIn(JSON.parse(await inflated(fragment.slice(prefix.length))));
    return question === undefined ? { kind: 'broken' } : { kind: 'read', question };
  } catch {
    // Cut off, or not made by this page: in whatever way it is broken, it is.
    return { kind: 'broken' };
  }
}

async function inflated(base64: string): Promise<string> {
  const binary = atob(base64.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const reader = stream.getReader();
  let text = '';
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > maxInflated) throw new RangeError('more than a link can hold');
    text += decoder.decode(value, { stream: true });
  }
}

function questionIn(value: unknown): WorkbenchQuestion | undefined {
  if (!isObject(value)) return undefined;
  const { files, kubernetesMinor } = value;
  const configuration = stringAt(value, 'configuration');
  const namespace = stringAt(value, 'namespace');
  if (!isArray(files) || configuration === undefined || namespace === undefined) return undefined;
  if (typeof kubernetesMinor !== 'number') return undefined;
  const texts = files.flatMap(fileIn);
  return texts.length === 0
    ? undefined
    : { files: texts, configuration, namespace, kubernetesMinor };
}

function fileIn(value: Json): WorkbenchQuestion['files'] {
  const name = isObject(value) ? stringAt(value, 'name') : undefined;
  const text = isObject(value) ? stringAt(value, 'text') : undefined;
  return name === undefined || text === undefined ? [] : [{ name, text }];
}
