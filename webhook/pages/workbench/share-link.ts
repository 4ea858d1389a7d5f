/** The whole input as the fragment of a link: compressed, and never sent to a server. */
import { isObject, isArray, stringAt, type Json } from '#kernel/json.ts';
import { freeNames } from './free-names.ts';
import type { WorkbenchQuestion } from '../../workbench/workbench-model.ts';

/** Characters of a fragment: longer links are cut by mail, chats and terminals. */
export const maxFragment = 30_000;
/** Bytes of what comes out of one; more was not made here. */
const maxInflated = 8 * 1024 * 1024;
/** Each is a tab; more was not made here. */
export const maxLinkFiles = 500;
/** Characters of the name of one: longer ones no file has. */
const maxName = 1_024;
const unnamed = 'manifest.yaml';
const prefix = '#v1.';

export type LinkReading =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'read';
      readonly question: WorkbenchQuestion;
      /** Sentences: what is not taken as the link has it. */
      readonly remarks: readonly string[];
    }
  | { readonly kind: 'broken' }
  /** Made by a later page, which has another form. */
  | { readonly kind: 'foreign' };

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

/**
 * What a fragment carries; anybody may have made it.
 * @param fragment with its `#`
 * @param minors that can be chosen, newest first
 */
export async function readFragment(
  fragment: string,
  minors: readonly number[],
): Promise<LinkReading> {
  if (fragment === '' || fragment === '#') return { kind: 'none' };
  if (!fragment.startsWith(prefix))
    return { kind: /^#v\d+\./.test(fragment) ? 'foreign' : 'broken' };
  try {
    const question = questionIn(JSON.parse(await inflated(fragment.slice(prefix.length))));
    return question === undefined ? { kind: 'broken' } : offered(question, minors);
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
  if (configuration === undefined || namespace === undefined) return undefined;
  if (typeof kubernetesMinor !== 'number' || !isMinor(kubernetesMinor)) return undefined;
  const texts = isArray(files) ? filesIn(files) : [];
  return texts.length === 0
    ? undefined
    : { files: texts, configuration, namespace: namespace.trim() || 'default', kubernetesMinor };
}

function isMinor(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** None where there are too many. */
function filesIn(values: readonly Json[]): WorkbenchQuestion['files'] {
  if (values.length > maxLinkFiles) return [];
  const nameFor = freeNames();
  return values.flatMap((value): WorkbenchQuestion['files'] => {
    const name = isObject(value) ? stringAt(value, 'name') : undefined;
    const text = isObject(value) ? stringAt(value, 'text') : undefined;
    if (name === undefined || text === undefined || name.length > maxName) return [];
    return [{ name: nameFor(name.trim() === '' ? unnamed : name), text }];
  });
}

/** Of another version of this page, or by hand: the nearest version of Kubernetes that can be chosen. */
function offered(question: WorkbenchQuestion, minors: readonly number[]): LinkReading {
  const { kubernetesMinor: asked } = question;
  if (minors.includes(asked)) return { kind: 'read', question, remarks: [] };
  const kubernetesMinor = Math.min(Math.max(asked, ...minors.slice(-1)), ...minors.slice(0, 1));
  const remark = `The link is for Kubernetes 1.${asked}, which cannot be chosen here: 1.${kubernetesMinor} is.`;
  return { kind: 'read', question: { ...question, kubernetesMinor }, remarks: [remark] };
}
