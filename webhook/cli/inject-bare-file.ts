/** `svidecar inject --envoy-file`: an Envoy configuration off Kubernetes, with our filters in it, and the settings of the helper beside it. */
import { Option, type Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { readFile } from '../files/load-engine.ts';
import { injectFile, type BareFile, type InjectedFile } from '../injection/bare-file.ts';
import { engineFrom, type EngineFlags } from './options.ts';
import type { CliContext, Terminal } from './terminal.ts';

export interface BareFileFlags {
  readonly envoyFile?: string;
  readonly annotation?: readonly string[];
  readonly envoyVersion?: string;
  readonly helperSocket?: string;
  readonly helperHealth?: string;
  readonly print?: 'envoy' | 'helper';
}

interface AllFlags extends BareFileFlags, EngineFlags {
  readonly output?: string;
  readonly quiet?: true;
}

const needFile = ['annotation', 'envoyVersion', 'helperSocket', 'helperHealth', 'print'] as const;

export function addBareFileFlags(command: Command): Command {
  return command
    .option(
      '--envoy-file <file>',
      'patch this Envoy configuration, of no pod, instead of manifests; - is standard input',
    )
    .option(
      '--annotation <key=value...>',
      'with --envoy-file: what is asked for, as a pod would carry it',
    )
    .option(
      '--envoy-version <version>',
      'with --envoy-file: the Envoy that reads it, such as 1.40.0',
    )
    .option(
      '--helper-socket <path>',
      'with --envoy-file: Envoy reaches the helper here instead of at port 9010 of loopback',
    )
    .option(
      '--helper-health <port>',
      "with --envoy-file: port on loopback of the helper's health and metrics (default: 9011)",
    )
    .addOption(
      new Option(
        '--print <what>',
        "with --envoy-file: the patched file (default), or the helper's settings",
      ).choices(['envoy', 'helper']),
    );
}

/** @throws {AppError} USAGE for an option that says nothing without --envoy-file */
export function requireBareFile(flags: BareFileFlags): void {
  const given = needFile.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new AppError(
    'USAGE',
    `--${option} belongs to --envoy-file; workloads in manifests have annotations of their own`,
  );
}

/** @throws {AppError} USAGE, FILE_UNREADABLE, and whatever is wrong with the annotations or the file */
export function injectBareFile(
  path: string,
  { paths, flags }: { readonly paths: readonly string[]; readonly flags: AllFlags },
  context: CliContext,
): void {
  if (paths.length > 0 || flags.output !== undefined)
    throw new AppError(
      'USAGE',
      '--envoy-file takes no manifests beside it and no --output: its text is printed as it is',
    );
  if (flags.revision !== undefined)
    throw new AppError(
      'USAGE',
      '--revision is for manifests: nothing of an Envoy configuration off Kubernetes has the name of an installation',
    );
  const { terminal } = context;
  const injected = injectFile(bareFile(path, flags, terminal), engineFrom(flags, context));
  terminal.out(printed(injected, flags));
  if (flags.quiet !== true) tell(injected, terminal);
  context.exit(0);
}

function bareFile(path: string, flags: AllFlags, terminal: Terminal): BareFile {
  const { helperSocket, helperHealth, envoyVersion } = flags;
  if (helperSocket !== undefined && !helperSocket.startsWith('/'))
    throw new AppError(
      'USAGE',
      `--helper-socket ${helperSocket}: write an absolute path, which Envoy and the helper share`,
    );
  const isStdin = path === '-';
  return {
    path: isStdin ? 'envoy.yaml' : path,
    text: isStdin ? terminal.readStdin() : readFile(path),
    annotations: annotationsOf(flags.annotation ?? []),
    helperSocket,
    envoyVersion: envoyVersion === undefined ? undefined : versionOf(envoyVersion),
    healthPort: helperHealth === undefined ? undefined : portOf(helperHealth),
  };
}

function printed({ text, helper }: InjectedFile, { print }: BareFileFlags): string {
  if (print !== 'helper') return text;
  if (helper === undefined)
    throw new AppError('USAGE', '--print helper: these templates need no helper');
  return helper;
}

function tell({ steps }: InjectedFile, terminal: Terminal): void {
  for (const { level, message } of steps)
    terminal.err(`${printable(`${level === 'warning' ? 'warning: ' : ''}${message}`)}\n`);
}

function versionOf(text: string): string {
  if (/^\d{1,4}\.\d{1,4}(\.\d{1,4})?$/.test(text)) return text;
  throw new AppError('USAGE', `--envoy-version ${text}: write it as 1.40.0`);
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port > 0 && port < 65_536) return port;
  throw new AppError('USAGE', `--helper-health ${text}: write a port, 1 to 65535`);
}

function annotationsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text): readonly [string, string] => {
    const at = text.indexOf('=');
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new AppError('USAGE', `--annotation ${text}: write it as KEY=VALUE`);
  });
  return Object.fromEntries(pairs);
}
