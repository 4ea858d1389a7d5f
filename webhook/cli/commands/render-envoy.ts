/** `svidecar render envoy`: the Envoy of the template `envoy` for a machine or any container runtime. */
import { posix } from 'node:path';
import { Command, Option } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { renderOwnEnvoy } from '../../manifests/render-own-envoy.ts';
import type { AdminPlace } from '../../proxy/proxy-plan.ts';
import { readInbound, readUpstreams, type PortsRead } from '../../proxy/read-ports.ts';
import { helperPorts } from '../../../sidecar/config/helper-contract.ts';
import { socketFault } from '../../request/spire-address.ts';
import { annotationKey, templatesKey, type SettingKey } from '../../request/metadata-keys.ts';
import { addConfigFlag, defaultKubernetes, engineFrom } from '../options.ts';
import { portOfFlag } from '../port.ts';
import type { CliContext } from '../terminal.ts';

interface EnvoyFlags {
  readonly config?: string;
  readonly spiffeId: string;
  readonly socket: string;
  readonly inbound?: readonly string[];
  readonly upstream?: readonly string[];
  readonly allowCallers?: string;
  readonly jwt?: readonly string[];
  readonly audience?: string;
  readonly dataPath?: string;
  readonly admin: string;
  readonly accessLog: boolean;
  readonly print: 'envoy' | 'helper';
}

const examples = `
Examples:
  svidecar render envoy --spiffe-id spiffe://example.org/backend --socket /run/spire/agent.sock --inbound 8443=8080 > envoy.yaml
  svidecar render envoy --spiffe-id spiffe://example.org/frontend --socket /run/spire/agent.sock \\
    --upstream '9001=backend.internal:8443 spiffe://example.org/backend' --jwt inject > envoy.yaml
  ... --jwt inject --print helper > helper.yaml     what the auth helper beside it reads

Certificates come from SPIRE's agent on that socket: the user that Envoy runs as must be registered for the SPIFFE ID. With --jwt
the auth helper runs beside it (svidecar helper -config helper.yaml, SPIFFE_ENDPOINT_SOCKET).`;

const list = (item: string, before: readonly string[] = []): readonly string[] => [...before, item];

export function envoyCommand(context: CliContext): Command {
  const command = new Command('envoy')
    .summary('an Envoy with mTLS by SPIRE, for a machine')
    .description(
      'Print the Envoy configuration that the template envoy brings to pods, for a machine or any container runtime.',
    )
    .requiredOption('--spiffe-id <id>', "the workload's own SPIFFE ID")
    .requiredOption('--socket <path>', "Unix socket of SPIRE's agent")
    .option('--inbound <pair>', "port for others, and the app's: 8443=8080; may be repeated", list)
    .option('--upstream <item>', '"9001=host:8443 spiffe://...", may be repeated', list)
    .option(
      '--allow-callers <list>',
      'SPIFFE IDs, prefixes or trust domains (default: the own trust domain)',
    )
    .option('--jwt <rule>', 'tokens too: inject, validate; may be repeated', list)
    .option('--audience <audience>', 'of the tokens (default: whoever must answer)')
    .addOption(new Option('--data-path <path>', 'of the tokens').choices(['ext-authz', 'native']))
    .option('--admin <place>', 'of the admin interface: a port on loopback, or a path', '9901')
    .option('--no-access-log', 'no line on standard output for each request')
    .addOption(
      new Option('--print <what>', 'the configuration, or the settings of the helper beside it')
        .choices(['envoy', 'helper'])
        .default('envoy'),
    );
  return addConfigFlag(command)
    .addHelpText('after', examples)
    .action((flags: EnvoyFlags) => {
      const engine = engineFrom({ ...flags, kubernetesVersion: defaultKubernetes }, context);
      refuseNobody(flags.spiffeId);
      const place = placeOf(flags);
      const rendered = renderOwnEnvoy({ annotations: annotationsOf(flags), place }, engine);
      for (const warning of rendered.warnings) context.terminal.err(`warning: ${warning}\n`);
      const text = flags.print === 'envoy' ? rendered.envoy : rendered.helper;
      if (text === undefined)
        throw new AppError('USAGE', '--print helper: without --jwt there is no helper');
      context.terminal.out(text);
    });
}

interface MachinePlace {
  readonly agentSocket: string;
  readonly admin: AdminPlace;
}

/** Certificates of a machine are somebody's: a trust domain alone is nobody's. @throws {AppError} USAGE */
function refuseNobody(spiffeId: string): void {
  if (/^spiffe:\/\/[^/]*\/?$/.test(spiffeId))
    throw new AppError(
      'USAGE',
      `--spiffe-id ${spiffeId}: it must have a path, which names the workload; write spiffe://example.org/backend`,
    );
}

/** @throws {AppError} USAGE */
function placeOf(flags: EnvoyFlags): MachinePlace {
  const agentSocket = socketOf('--socket', flags.socket);
  const admin = adminOf(flags.admin);
  if ('socket' in admin && posix.normalize(admin.socket) === posix.normalize(agentSocket))
    throw new AppError(
      'USAGE',
      `--admin ${admin.socket}: that is the socket of SPIRE's agent; name another path`,
    );
  if ('port' in admin) refuseTakenPort(admin.port, flags);
  return { agentSocket, admin };
}

/** @throws {AppError} USAGE */
function adminOf(text: string): AdminPlace {
  if (!/^\d+$/.test(text)) return { socket: socketOf('--admin', text) };
  const port = portOfFlag('--admin', text);
  if (port > 0) return { port };
  throw new AppError('USAGE', '--admin 0: nobody would know which port Envoy took; name one');
}

/** A path, also as `unix:///path`. @throws {AppError} USAGE */
function socketOf(flag: string, text: string): string {
  const url = text.startsWith('unix:') ? text : `unix://${text}`;
  const fault = socketFault(url);
  if (fault !== undefined)
    throw new AppError('USAGE', `${flag} ${text}: ${fault}; write /path/to/a.sock`);
  return url.replace(/^unix:(\/\/)?/, '');
}

/** @throws {AppError} USAGE */
function refuseTakenPort(port: number, { inbound, upstream, jwt }: EnvoyFlags): void {
  const inboundPorts = portsIn(inbound, readInbound).flatMap(({ listen, app }) => [listen, app]);
  const upstreamPorts = portsIn(upstream, readUpstreams).map(({ listen }) => listen);
  const taken: readonly (readonly [string, readonly number[]])[] = [
    ['--inbound', inboundPorts],
    ['--upstream', upstreamPorts],
    ['the auth helper', jwt === undefined ? [] : helperPorts],
  ];
  const who = taken.find(([, ports]) => ports.includes(port))?.[0];
  if (who !== undefined)
    throw new AppError('USAGE', `--admin ${port}: that port is taken by ${who}; choose another`);
}

/** Faults are told where the annotations are made. */
function portsIn<Value>(
  items: readonly string[] = [],
  read: (text: string) => PortsRead<readonly Value[]>,
): readonly Value[] {
  const reading = read(items.join(','));
  return reading.kind === 'read' ? reading.value : [];
}

function annotationsOf(flags: EnvoyFlags): Readonly<Record<string, string>> {
  const settings: readonly (readonly [SettingKey, string | undefined])[] = [
    ['spiffe-id', flags.spiffeId],
    ['inbound', portsOf('--inbound', flags.inbound, readInbound)],
    ['upstreams', portsOf('--upstream', flags.upstream, readUpstreams)],
    ['allow-callers', flags.allowCallers],
    ['inject-audience', flags.audience],
    ['data-path', flags.dataPath],
    ['access-log', String(flags.accessLog)],
  ];
  if (flags.inbound === undefined && flags.upstream === undefined)
    throw new AppError(
      'USAGE',
      'say what Envoy is for: --inbound 8443=8080, or --upstream "9001=host:8443 spiffe://..."',
    );
  const templates = ['envoy', ...(flags.jwt ?? []).map(templateOf)];
  return {
    [templatesKey]: templates.join(','),
    ...Object.fromEntries(
      settings.flatMap(([key, value]) =>
        value === undefined ? [] : [[annotationKey(key), value]],
      ),
    ),
  };
}

/** @throws {AppError} USAGE */
function templateOf(rule: string): string {
  if (rule === 'inject' || rule === 'validate') return `jwt-${rule}`;
  throw new AppError('USAGE', `--jwt ${rule}: write inject or validate`);
}

/** @throws {AppError} USAGE */
function portsOf(
  flag: string,
  items: readonly string[] | undefined,
  read: typeof readInbound | typeof readUpstreams,
): string | undefined {
  if (items === undefined) return undefined;
  const text = items.join(',');
  const reading = read(text);
  if (reading.kind === 'fault')
    throw new AppError('USAGE', `${flag} ${beginningOf(text)}: write ${reading.allowed}`);
  return text;
}

/** A very long list would hide what is wrong with it. */
function beginningOf(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
