/** What the person has put in, and how it changes. */
import type { InputFile, WorkbenchQuestion } from '../../workbench/workbench-model.ts';
import { freeNames } from './free-names.ts';
import { pageData, type Demo } from './page-data.ts';

export interface WorkbenchInput extends WorkbenchQuestion {
  /** Position of the file that is in the editor. */
  readonly shown: number;
}

/** A line to go to. */
export interface ShownPlace {
  readonly file: string;
  readonly line: number;
}

/** Bytes of one file; as for the command line, a document may have that many characters. */
const maxFileBytes = 64 * 1024 * 1024;
const firstName = 'manifest.yaml';

/** Kubernetes versions that can be chosen, newest first: from the first with native sidecars, and one before. */
const oldestMinor = 28;
export const offeredMinors: readonly number[] = Array.from(
  { length: pageData.kubernetesMinor - oldestMinor + 1 },
  (_, at) => pageData.kubernetesMinor - at,
);

const usual = { configuration: '', namespace: 'default', shown: 0 } as const;

export function emptyInput(): WorkbenchInput {
  const { kubernetesMinor } = pageData;
  return { ...usual, kubernetesMinor, files: [{ name: firstName, text: '' }] };
}

/** The demo in place of the files; the rest stays. */
export function withDemo(input: WorkbenchInput, { files }: Demo): WorkbenchInput {
  return { ...input, files, shown: 0 };
}

export function fileShown({ files, shown }: WorkbenchInput): InputFile {
  return files[shown] ?? files[0] ?? { name: firstName, text: '' };
}

/** The text of one file replaced. */
export function withText(input: WorkbenchInput, name: string, text: string): WorkbenchInput {
  const files = input.files.map((each) => (each.name === name ? { name, text } : each));
  return { ...input, files };
}

/** Further files: those of a name that is there replace it; an empty first file gives way. */
export function withFiles(input: WorkbenchInput, added: readonly InputFile[]): WorkbenchInput {
  const names = new Set(added.map(({ name }) => name));
  const kept = input.files.filter(({ name, text }) => !names.has(name) && text.trim() !== '');
  const files = [...kept, ...added];
  return files.length === 0
    ? input
    : { ...input, files, shown: Math.min(kept.length, files.length - 1) };
}

export function withNewFile(input: WorkbenchInput): WorkbenchInput {
  const names = new Set(input.files.map(({ name }) => name));
  let count = input.files.length + 1;
  while (names.has(`manifest-${count}.yaml`)) count += 1;
  const files = [...input.files, { name: `manifest-${count}.yaml`, text: '' }];
  return { ...input, files, shown: files.length - 1 };
}

export function withoutShown(input: WorkbenchInput): WorkbenchInput {
  const files = input.files.filter((_, at) => at !== input.shown);
  if (files.length === 0) return { ...input, files: [{ name: firstName, text: '' }], shown: 0 };
  return { ...input, files, shown: Math.max(0, input.shown - 1) };
}

export interface ReadFiles {
  readonly files: readonly InputFile[];
  /** Sentences: why a file was not read. */
  readonly faults: readonly string[];
}

/** Files of the person's machine, as text. */
export async function readFiles(list: Iterable<File>): Promise<ReadFiles> {
  const files: InputFile[] = [];
  const faults: string[] = [];
  const nameFor = freeNames();
  for (const file of list) {
    const text = await textOf(file);
    if (text.fault === undefined) files.push({ name: nameFor(file.name), text: text.text });
    else faults.push(`${file.name}: ${text.fault}`);
  }
  return { files, faults };
}

interface FileReading {
  readonly text: string;
  readonly fault: string | undefined;
}

async function textOf(file: File): Promise<FileReading> {
  if (file.size > maxFileBytes) return { text: '', fault: 'it has more than 64 MiB' };
  try {
    const bytes = await file.arrayBuffer();
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), fault: undefined };
  } catch {
    // A folder, or bytes that are no text.
    return { text: '', fault: 'it is not a text in UTF-8' };
  }
}
