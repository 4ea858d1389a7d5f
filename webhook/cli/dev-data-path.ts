/** The two workloads of the demo, or of whoever asks, as a data path on this machine. */
import { own } from '#kernel/members.ts';
import { objectAt, stringAt } from '#kernel/json.ts';
import { startDataPath, type LocalDataPath, type LocalPod } from '../dev/local-data-path.ts';
import type { Engine } from '../injection/inject.ts';
import { substituteText } from '../templates/substitute.ts';
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import type { DecidedWorkload } from '../manifests/decide-all.ts';
import type { CliContext } from './terminal.ts';

/** Undefined when the manifests hold no pair of a caller with jwt-inject and a callee with jwt-validate. */
export async function startDevDataPath(
  injection: InjectedTexts,
  engine: Engine,
  {
    installation,
    envoy,
  }: Pick<CliContext, 'installation'> & { readonly envoy: string | undefined },
): Promise<LocalDataPath | undefined> {
  const caller = podOf('jwt-inject', { injection, engine, onward: 'backend' });
  const callee = podOf('jwt-validate', { injection, engine, onward: 'app' });
  if (caller === undefined || callee === undefined) return undefined;
  const { helperProgram, standInProgram } = installation;
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

/** The same injection with the data path `native`. */
export function nativeEngine(engine: Engine): Engine {
  return { ...engine, config: { ...engine.config, dataPath: 'native' } };
}
