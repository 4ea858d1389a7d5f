/** Runs a page's console blocks as they stand, and holds each command's output against what the page shows. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

export interface Step {
  /** The heading above it. */
  readonly section: string;
  readonly command: string;
  /** Lines that the page shows below the command; `…` stands for anything. */
  readonly shown: readonly string[];
}

export interface Outcome {
  readonly step: Step;
  /** Of both streams, as in a terminal. */
  readonly output: string;
  /** Undefined: an earlier command failed, so this one was not run. */
  readonly code: number | undefined;
  readonly tookMs: number;
}

/** The steps of all ```console blocks in a Markdown text. */
export function stepsOf(markdown: string): readonly Step[] {
  const steps: OpenStep[] = [];
  let section = '';
  let isInside = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) isInside = !isInside && line === '```console';
    else if (isInside) take(line, { steps, section });
    else section = /^#+ (.*)/.exec(line)?.[1] ?? section;
  }
  return steps;
}

interface OpenStep extends Step {
  command: string;
  readonly shown: string[];
}

function take(
  line: string,
  { steps, section }: { readonly steps: OpenStep[]; readonly section: string },
): void {
  const last = steps.at(-1);
  if (line.startsWith('$ ')) steps.push({ section, command: line.slice(2), shown: [] });
  else if (last !== undefined && goesOn(last.command)) last.command = joined(last.command, line);
  else last?.shown.push(line);
}

/** Whether the next line is still part of the command: a quotation or a loop is open, or a backslash ends the line. */
function goesOn(command: string): boolean {
  return command.split("'").length % 2 === 0 || /(?:\\|; do)$/.test(command);
}

function joined(command: string, line: string): string {
  return command.endsWith('\\') ? `${command.slice(0, -1)}${line.trim()}` : `${command}\n${line}`;
}

/** Says what went wrong, or nothing: it must end with 0 and show the page's lines in order, with anything between them. */
export function complaint({ step, output, code }: Outcome): string | undefined {
  if (code === undefined) return `not run: ${step.command}`;
  if (code !== 0) return `${step.command}\nends with ${code}:\n${output}`;
  const pattern = step.shown.map(patternOf).join('[^]*?');
  if (new RegExp(pattern).test(output)) return undefined;
  return `${step.command}\nshows on the page:\n${step.shown.join('\n')}\nbut here:\n${output}`;
}

function patternOf(line: string): string {
  const literal = (part: string): string =>
    part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
  return line.split('…').map(literal).join('.*');
}

/** A function that a page defines counts in all later sections, as in a reader's shell. */
export function definitionsIn(steps: readonly Step[]): readonly Step[] {
  return steps.filter(({ command }) => /^\w+\(\) \{/.test(command));
}

interface StepOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** A command that runs the one after it, elsewhere or as somebody else. */
  readonly within?: readonly string[];
}

/** Runs the commands in one bash, in order, until one fails. */
export async function runSteps(
  steps: readonly Step[],
  { within = [], ...options }: StepOptions,
): Promise<readonly Outcome[]> {
  const mark = randomUUID();
  const script = steps.map(
    ({ command }) => `${command}\ncode=$?; echo; echo "${mark} $code"; [ "$code" = 0 ] || exit 1`,
  );
  const bash = ['bash', '-o', 'pipefail', '-c', `exec 2>&1\n${script.join('\n')}`];
  const line = [...within, ...bash];
  const shell = spawn(line[0] ?? '', line.slice(1), {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended: Pick<Outcome, 'code' | 'output' | 'tookMs'>[] = [];
  const end = new RegExp(`\\n${mark} (\\d+)\\n`);
  let began = performance.now();
  let pending = '';
  for await (const chunk of shell.stdout.setEncoding('utf8')) {
    pending += String(chunk);
    for (let found = end.exec(pending); found !== null; found = end.exec(pending)) {
      const tookMs = performance.now() - began;
      ended.push({ output: pending.slice(0, found.index), code: Number(found[1]), tookMs });
      pending = pending.slice(found.index + found[0].length);
      began = performance.now();
    }
  }
  const notRun = { output: pending, code: undefined, tookMs: 0 };
  return steps.map((step, index) => ({ step, ...(ended[index] ?? notRun) }));
}
