/** Kubeconfigs as kubectl reads them: several are merged, and what is wrong with one is said without its contents. */
import { existsSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '#kernel/errors.ts';
import { firstNames } from '#kernel/first-names.ts';
import { isObject } from '#kernel/json.ts';

/** Why a kubeconfig cannot be used, in our own words. */
export class UnusableKubeconfig extends Error {}

/** Contexts that a message names: one of them is what somebody meant. */
const maxNamed = 10;

/**
 * Merges the files of `KUBECONFIG`: those that do not exist are passed over, and of two of one name the first counts.
 * The library's own merge fails for both, and takes the last current context.
 * @throws {UnusableKubeconfig} when none exists, or one cannot be read
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
 */
export function mergeFiles(
  config: KubeConfig,
  paths: readonly string[],
  open: () => KubeConfig,
): void {
  const present = paths.filter((path) => existsSync(path));
  const [first, ...others] = present;
  if (first === undefined)
    throw new UnusableKubeconfig(
      `KUBECONFIG names ${paths.join(', ')}, which does not exist; set it anew, give --kubeconfig FILE, or log in`,
    );
  loadFile(config, first);
  for (const path of others) {
    const other = open();
    loadFile(other, path);
    addMissing(config, other);
  }
}

function addMissing(config: KubeConfig, other: KubeConfig): void {
  const { clusters, users, contexts } = config;
  for (const each of other.clusters.filter(isNew(clusters))) config.addCluster(each);
  for (const each of other.users.filter(isNew(users))) config.addUser(each);
  for (const each of other.contexts.filter(isNew(contexts))) config.addContext(each);
  if (!isNamed(config.currentContext) && isNamed(other.currentContext))
    config.setCurrentContext(other.currentContext);
}

function isNew(known: readonly { readonly name: string }[]): (each: { name: string }) => boolean {
  const names = new Set(known.map(({ name }) => name));
  return ({ name }) => !names.has(name);
}

/** The library leaves it undefined where the file does not say it, whatever its type says. */
function isNamed(context: string | undefined): context is string {
  return context !== undefined && context !== '';
}

/** Why the chosen context has no cluster. */
export function withoutCluster(config: KubeConfig): string {
  const context = config.getCurrentContext() as string | undefined;
  const known = config.getContexts();
  if (known.length === 0 && config.getClusters().length === 0)
    return 'it names no cluster: either it is no kubeconfig, or nobody has logged in yet; give another with --kubeconfig FILE';
  if (!isNamed(context)) return `it has no current context; give one with --context${among(known)}`;
  const cluster = known.find(({ name }) => name === context)?.cluster;
  if (cluster !== undefined)
    return `its context "${context}" names cluster "${cluster}", which it does not have`;
  if (known.length === 0) return `it has no context "${context}", nor any other`;
  return `it has no context "${context}", only ${names(known)}`;
}

type Named = readonly { readonly name: string }[];

function among(known: Named): string {
  return known.length === 0 ? '' : `: ${names(known)}`;
}

function names(known: Named): string {
  return firstNames(
    known.map(({ name }) => `"${name}"`),
    { most: maxNamed },
  );
}

const systemFaults: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be read by you'],
  ['EISDIR', 'is a folder: name the file in it'],
]);

const next = 'mend it, or give another with --kubeconfig FILE';

/** Of which of several files it is true is said as well. @throws {UnusableKubeconfig} */
export function loadFile(config: KubeConfig, path: string): void {
  naming(path, () => {
    config.loadFromFile(path);
  });
}

/** @throws {UnusableKubeconfig} that names the file, where it cannot be read */
export function naming(file: string, load: () => void): void {
  try {
    load();
  } catch (thrown) {
    throw new UnusableKubeconfig(faultOf(thrown, file), { cause: thrown });
  }
}

/** js-yaml quotes the lines around a fault, and a kubeconfig holds keys and tokens: only its reason and position are given. */
function faultOf(thrown: unknown, file: string): string {
  if (!(thrown instanceof Error)) return messageOf(thrown);
  // Of the library, which reads members of what is no object.
  if (thrown instanceof TypeError)
    return `${file} does not have the shape of a kubeconfig; ${next}`;
  if ('reason' in thrown && 'mark' in thrown) return yamlFault(thrown.reason, thrown.mark, file);
  const words = 'code' in thrown ? systemFaults.get(thrown.code) : undefined;
  return words === undefined ? messageOf(thrown) : `${file} ${words}`;
}

function yamlFault(reason: unknown, mark: unknown, file: string): string {
  if (String(reason).endsWith('the input is empty')) return `${file} is empty; ${next}`;
  const place = isObject(mark) ? [mark['line'], mark['column']] : [];
  const [line, column] = place.map((number) => Number(number) + 1);
  const where = line === undefined ? '' : ` at line ${line}, column ${column}`;
  return `${file} is not YAML: ${String(reason)}${where}; ${next}`;
}
