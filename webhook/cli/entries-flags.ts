/** Flags of `svidecar render entries`, and which of them contradict each other. */
import { Option, type Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { isDnsName } from '../identity/dns-names.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { entriesFault } from '../request/registration-config.ts';
import { configuredEntries, type EntriesOptions } from '../manifests/registrations-in.ts';
import { parseDuration } from './duration.ts';
import { addEngineFlags, type EngineFlags } from './options.ts';

const forms = ['commands', 'json', 'objects', 'static'] as const;

export interface EntriesFlags extends EngineFlags {
  readonly as: (typeof forms)[number];
  readonly parentId?: string;
  readonly nodeAlias: readonly string[];
  readonly container: readonly string[];
  readonly istio?: true;
  readonly podLabel: readonly string[];
  readonly image?: true;
  readonly podUid?: true;
  readonly dns: readonly string[];
  readonly hint?: string;
  readonly x509Ttl?: string;
  readonly jwtTtl?: string;
  /** False with `--no-x509-prefetch`. */
  readonly x509Prefetch: boolean;
  readonly className?: string;
  readonly server?: string;
  readonly socketPath?: string;
}

export function addEntriesFlags(command: Command): Command {
  command
    .addOption(
      new Option(
        '--as <form>',
        'commands; JSON for spire-server entry create -data; ClusterSPIFFEID objects; or static: ClusterStaticEntry objects',
      )
        .choices(forms)
        .default('commands'),
    )
    .option(
      '--container <name...>',
      'entries for these containers too, where a workload has them',
      [],
    )
    .option(
      '--istio',
      "entries for Istio's proxies and gateways too: container istio-proxy, the SPIFFE ID that Istio demands, and DNS names of pod and Services",
    )
    .option('--pod-uid', 'an entry for each running pod, by its UID: give it pods of the cluster')
    .option('--pod-label <key...>', "also select by these of the pods' labels", [])
    .option('--image', "also select by the container's image")
    .option(
      '--dns <name...>',
      'DNS names of X.509-SVIDs; ${workload}, ${namespace}, ${serviceAccount} and ${pod} stand for its own',
      [],
    );
  return addEngineFlags(addTermFlags(command));
}

function addTermFlags(command: Command): Command {
  return command
    .option(
      '--parent-id <spiffe-id>',
      "the agents' SPIFFE ID (default: spiffe://<trust domain>/ns/spire/sa/spire-agent)",
    )
    .option(
      '--node-alias <selector...>',
      'first the entry that gives agents with these selectors that SPIFFE ID',
      [],
    )
    .option('--hint <text>', 'hint of the entries, by which a workload tells its identities apart')
    .option('--x509-ttl <duration>', 'life of X.509-SVIDs, such as 1h')
    .option('--jwt-ttl <duration>', 'life of JWT-SVIDs, such as 5m')
    .option('--no-x509-prefetch', 'agents get no X.509-SVID for the helpers, which use none')
    .option('--class-name <name>', 'className of objects')
    .option('--server <command>', 'of commands: what runs them (default: spire-server)')
    .option('--socket-path <path>', "of commands: the server's socket");
}

/** Each with the forms that it means something in. */
const formsOf: readonly (readonly [keyof EntriesFlags, string, readonly string[]])[] = [
  ['parentId', '--parent-id', ['commands', 'json', 'static']],
  ['nodeAlias', '--node-alias', ['commands', 'json', 'static']],
  ['podUid', '--pod-uid', ['commands', 'json', 'static']],
  ['className', '--class-name', ['objects', 'static']],
  ['server', '--server', ['commands']],
  ['socketPath', '--socket-path', ['commands']],
];

/** Why a form has no word for a flag. */
const reasons: Readonly<Record<EntriesFlags['as'], string>> = {
  commands: 'only objects have it',
  json: 'JSON is read by spire-server entry create -data -, which you call yourself',
  objects:
    'spire-controller-manager makes an entry for each pod, by its UID and under its own agent',
  static: 'only commands have it',
};

/** @throws {AppError} USAGE */
function refuseContradictions(flags: EntriesFlags): void {
  refuseOtherForms(flags);
  refuseWrongWords(flags);
  const isByController = flags.as === 'objects' || flags.as === 'static';
  if (!flags.x509Prefetch && isByController) {
    usage(
      '--no-x509-prefetch: spire-controller-manager has no word for it; use --as commands or --as json',
    );
  }
  if (flags.as !== 'objects' && flags.podUid !== true && flags.dns.some(hasPod))
    usage('--dns: ${pod} is the name of one pod; use it with --pod-uid or --as objects');
  const wrong = flags.nodeAlias.find((selector) => !/^[^:\s]+:\S/.test(selector));
  if (wrong !== undefined)
    usage(`--node-alias ${wrong}: write type:value, such as k8s_psat:cluster:demo`);
}

function refuseOtherForms(flags: EntriesFlags): void {
  for (const [key, flag, allowed] of formsOf) {
    const value = flags[key];
    const isGiven = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (!isGiven || allowed.includes(flags.as)) continue;
    const others = allowed.map((form) => `--as ${form}`).join(' or ');
    usage(`${flag} does not go with --as ${flags.as} (${reasons[flags.as]}); use ${others}`);
  }
}

/** By the rules of the configuration. */
function refuseWrongWords({ hint, className, podLabel, dns }: EntriesFlags): void {
  const words = [
    ['--hint', 'hint', hint],
    ['--class-name', 'className', className],
    ...podLabel.map((key) => ['--pod-label', 'podLabels', [key]] as const),
  ] as const;
  for (const [flag, key, value] of words) {
    const fault = entriesFault(key, value);
    if (fault !== undefined) usage(`${flag} ${String(value)}: ${fault}`);
  }
  const wrong = dns.find((name) => !isDnsName(name.replaceAll(/\$\{\w+\}/g, 'x')));
  if (wrong !== undefined)
    usage(`--dns ${wrong}: must be a DNS name: letters, digits and hyphens between dots`);
}

function hasPod(name: string): boolean {
  return name.includes('${pod}');
}

function usage(message: string): never {
  throw new AppError('USAGE', message);
}

/** Flags before configuration. @throws {AppError} USAGE, SPIFFE_ID_INVALID */
export function entriesOptions(flags: EntriesFlags, config: InjectorConfig): EntriesOptions {
  refuseContradictions(flags);
  const { parentId } = flags;
  // Only what counts is read: a flag stands before a parent's ID that is none.
  const configured = configuredEntries(
    parentId === undefined ? config : { ...config, entries: { ...config.entries, parentId } },
  );
  const { terms } = configured;
  return {
    ...configured,
    podLabels: flags.podLabel.length > 0 ? flags.podLabel : configured.podLabels,
    containers: flags.container,
    isIstio: flags.istio === true,
    selectsImage: flags.image === true || configured.selectsImage,
    terms: {
      hint: flags.hint ?? terms.hint,
      x509SvidTtlS: secondsOr(terms.x509SvidTtlS, '--x509-ttl', flags.x509Ttl),
      jwtSvidTtlS: secondsOr(terms.jwtSvidTtlS, '--jwt-ttl', flags.jwtTtl),
      isPrefetched: flags.x509Prefetch,
    },
    dnsNames: flags.dns,
    isByPod: flags.podUid === true,
    ...(flags.as === 'objects' ? { podTemplate: '{{ .PodMeta.Name }}' } : {}),
    isEachKept: flags.as === 'objects',
  };
}

/** @throws {AppError} USAGE */
function secondsOr(configured: number, flag: string, duration: string | undefined): number {
  if (duration === undefined) return configured;
  const seconds = parseDuration(duration);
  if (seconds === 0 || entriesFault('x509SvidTtlSeconds', seconds) !== undefined)
    usage(
      `${flag} ${duration}: write at least 1s and at most 365d, or leave it out for what SPIRE's server gives`,
    );
  return seconds;
}
