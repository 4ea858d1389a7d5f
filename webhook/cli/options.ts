/** Options that several commands share, and what is made of them. */
import { Option, type Command } from 'commander';
import { dnsLabel } from '#kernel/dns-label.ts';
import { AppError } from '#kernel/errors.ts';
import type { Engine } from '../injection/inject.ts';
import { testedKubernetesMinor } from '../injection/tested-kubernetes.ts';
import { loadEngine } from '../files/load-engine.ts';
import type { DecideOptions } from '../manifests/decide-all.ts';
import type { CliContext } from './terminal.ts';

export interface EngineFlags {
  readonly config?: string;
  readonly namespace?: string;
  readonly kubernetesVersion: string;
  /** Of a command that takes it. */
  readonly revision?: string;
}

export const defaultKubernetes = `1.${testedKubernetesMinor}`;
/** Where kubectl puts what names no namespace. */
export const defaultNamespace = 'default';

export function addEngineFlags(command: Command): Command {
  return addNamespaceFlag(addConfigFlag(command)).option(
    '--kubernetes-version <version>',
    'cluster that the result is for: from 1.29 on the helper is a native sidecar',
    defaultKubernetes,
  );
}

export function addConfigFlag(command: Command): Command {
  return command.option(
    '-c, --config <file>',
    "the injector's configuration (default: built-in defaults)",
  );
}

/** For a command that looks at a cluster, which has one. */
export function addClusterConfigFlag(command: Command): Command {
  return command.option(
    '-c, --config <file>',
    "decide by this configuration (default: the cluster's own)",
  );
}

/** @throws {AppError} USAGE for a text that no namespace can be named by, before the API server is asked with it */
export function checkNamespace(namespace: string | undefined): void {
  if (namespace === undefined || dnsLabel.test(namespace)) return;
  throw new AppError(
    'USAGE',
    `--namespace "${namespace}": no namespace has that name; write lower-case letters, digits and hyphens`,
  );
}

export function addNamespaceFlag(command: Command): Command {
  return command.option(
    '-n, --namespace <name>',
    `namespace of objects that name none (default: "${defaultNamespace}")`,
  );
}

export function outputOption(choices: readonly string[], meaning: string): Option {
  return new Option('-o, --output <format>', meaning).choices(choices);
}

/** @throws {AppError} USAGE, FILE_UNREADABLE, CONFIG_INVALID, TEMPLATE_INVALID */
export function engineFrom(
  flags: Omit<EngineFlags, 'namespace'>,
  { installation }: CliContext,
): Engine {
  return loadEngine({
    templates: installation.templates,
    config: flags.config,
    kubernetesMinor: minorOf(flags.kubernetesVersion),
    version: installation.version,
    revision: flags.revision,
  });
}

/** @throws {AppError} as {@link engineFrom} */
export function decideOptions(flags: EngineFlags, context: CliContext): DecideOptions {
  const namespace = flags.namespace ?? defaultNamespace;
  const { tellProgress } = context.terminal;
  return {
    engine: engineFrom(flags, context),
    namespace,
    ...(tellProgress === undefined
      ? {}
      : {
          onDocument: (number: number, of: number) => {
            tellProgress(`document ${number} of ${of}`);
          },
        }),
  };
}

function minorOf(version: string): number {
  const minor = /^v?1\.(\d{1,3})(\.|\+|$)/.exec(version)?.[1];
  if (minor === undefined) {
    throw new AppError(
      'USAGE',
      `--kubernetes-version ${version}: write it as ${defaultKubernetes}`,
    );
  }
  return Number(minor);
}
