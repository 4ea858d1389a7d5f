/** The second act of `svidecar dev`: requests that pass, and requests that are refused, each with its reason. */
import { printable } from '#kernel/text.ts';
import { own } from '#kernel/members.ts';
import { objectAt, stringAt } from '#kernel/json.ts';
import {
  exchange,
  startDataPath,
  type LocalDataPath,
  type LocalPod,
} from '../dev/local-data-path.ts';
import type { Engine } from '../injection/inject.ts';
import { substituteText } from '../templates/substitute.ts';
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import type { DecidedWorkload } from '../manifests/decide-all.ts';
import { painter } from './reports.ts';
import type { CliContext } from './terminal.ts';

interface Scene {
  readonly title: string;
  readonly why: string;
  readonly url: (path: LocalDataPath) => string;
  readonly headers?: Readonly<Record<string, string>>;
}

const scenes: readonly Scene[] = [
  {
    title: 'frontend asks backend through its own Envoy',
    why: 'frontend’s helper put a JWT-SVID into the request; backend’s helper found it valid and meant for backend.',
    url: ({ outbound }) => `${outbound}/balance`,
  },
  {
    title: 'somebody asks backend’s Envoy without a token',
    why: 'there was no proof of identity, so the request never reached the app.',
    url: ({ inbound }) => `${inbound}/balance`,
  },
  {
    title: 'somebody brings something that is no token',
    why: 'the credential is not a JWT-SVID of this trust domain.',
    url: ({ inbound }) => `${inbound}/balance`,
    headers: { authorization: 'Bearer not.a.token' },
  },
  {
    title: 'the frontend app tries to send a credential of its own',
    why: 'with svidecar.dev/authorization: deny, the default, a caller cannot choose what identity it shows.',
    url: ({ outbound }) => `${outbound}/balance`,
    headers: { authorization: 'Bearer mine' },
  },
];

/** Undefined when the manifests hold no pair of a caller with jwt-inject and a callee with jwt-validate. */
export async function startDevDataPath(
  injection: InjectedTexts,
  engine: Engine,
  { installation }: CliContext,
): Promise<LocalDataPath | undefined> {
  const caller = podOf('jwt-inject', { injection, engine, onward: 'backend' });
  const callee = podOf('jwt-validate', { injection, engine, onward: 'app' });
  if (caller === undefined || callee === undefined) return undefined;
  const { helperProgram, standInProgram, envoy } = installation;
  const { trustDomain } = engine.config;
  return startDataPath({ caller, callee, trustDomain, helperProgram, standInProgram, envoy });
}

function podOf(
  template: string,
  facts: { readonly injection: InjectedTexts; readonly engine: Engine; readonly onward: string },
): LocalPod | undefined {
  const { injection, engine, onward } = facts;
  for (const outcome of injection.outcomes) {
    const { decision, located } = outcome;
    const status =
      decision.kind === 'injected' || decision.kind === 'unchanged' ? decision.status : undefined;
    if (status?.helper === undefined || status.envoy === undefined) continue;
    if (status.templates.join() !== template) continue;
    const { derived, file } = status.envoy;
    const configMap = injection.configMaps.find(
      ({ name, namespace }) => name === derived && namespace === located.namespace,
    );
    const envoy = own(configMap?.data, file);
    if (envoy === undefined) continue;
    const { settings } = status.helper;
    return { name: located.name, spiffeId: spiffeIdOf(outcome, engine), settings, envoy, onward };
  }
  return undefined;
}

function spiffeIdOf({ located }: DecidedWorkload, { config }: Engine): string {
  const spec = objectAt(located.template, 'spec');
  const serviceAccount = stringAt(spec, 'serviceAccountName') ?? 'default';
  const { namespace } = located;
  return substituteText(config.spiffeId, {
    namespace,
    serviceAccount,
    trustDomain: config.trustDomain,
  });
}

/** Sends the scenes' requests and says what came of each. */
export async function showDataPath(
  path: LocalDataPath,
  { terminal, installation }: CliContext,
): Promise<void> {
  const paint = painter(terminal);
  const part =
    installation.envoy === undefined
      ? 'No Envoy was found on this machine (scripts/components envoy gets one), so a small client plays its part.'
      : 'Envoy, helpers and a Workload API with keys of its own run as processes on loopback.';
  terminal.out(
    `${paint('bold', 'The same two workloads, with the configurations above, on this machine.')}\n${part}\n\n`,
  );
  for (const { title, why, url, headers } of scenes) {
    const { status, body } = await exchange(url(path), headers);
    const color = status === 200 ? 'green' : 'red';
    const header = Object.entries(headers ?? {}).map(([name, value]) => ` -H '${name}: ${value}'`);
    terminal.out(`${paint('bold', `── ${title}`)}\n   $ curl${header.join('')} ${url(path)}\n`);
    terminal.out(
      `   ${paint(color, `HTTP ${status}`)}  ${body.trim().replaceAll('\n', '\n            ')}\n`,
    );
    terminal.out(`   Why: ${why}\n\n`);
  }
}

/** The same injection with the data path `native`. */
export function nativeEngine(engine: Engine): Engine {
  return { ...engine, config: { ...engine.config, dataPath: 'native' } };
}

/** What `native` adds to the Envoy configurations, and the same requests in a line each. */
export async function showNative(
  injection: InjectedTexts,
  path: LocalDataPath | undefined,
  { terminal }: CliContext,
): Promise<void> {
  const paint = painter(terminal);
  const heading =
    'And with svidecar.dev/data-path: native, Envoy’s own filters work, fed by the helpers, and nobody is asked while a request waits:';
  terminal.out(`${paint('bold', heading)}\n\n`);
  const steps = injection.outcomes.flatMap(({ decision }) => decision.steps);
  for (const { id, message } of steps)
    if (id === 'envoy_config_patched' || id === 'refused')
      terminal.out(`   ${printable(message)}\n`);
  if (path === undefined) {
    terminal.out('\nTo see them at work, get an Envoy: scripts/components envoy\n\n');
    return;
  }
  terminal.out('\n');
  for (const { title, url, headers } of scenes) {
    const { status, body } = await exchange(url(path), headers);
    const [reason = ''] = status === 200 ? [''] : body.trim().split('\n');
    const color = status === 200 ? 'green' : 'red';
    terminal.out(`   ${paint(color, `HTTP ${status}`)}  ${title}${reason && `: ${reason}`}\n`);
  }
  terminal.out('   What differs from ext-authz: docs/data-paths.md\n\n');
}
