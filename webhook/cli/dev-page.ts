/** The page of `svidecar dev`, served while it stays. */
import { startServer, type StartServer } from '../dev/start-server.ts';
import { scenes } from '../dev/scenes.ts';
import type { StartDataPath, StartOverview } from '../dev/way-model.ts';
import { onceFor } from '#kernel/once.ts';
import { askingPath, type DevRun } from './dev-run.ts';
import type { CliContext } from './terminal.ts';

const about = {
  'ext-authz': {
    title: 'ext-authz',
    about: 'Envoy asks the helper of its pod about each request: the strictest, and the default.',
  },
  native: {
    title: 'native',
    about:
      'Envoy’s own filters work with tokens and keys that the helper has given them: nobody is asked while a request waits.',
  },
} as const;

/** @param port 0 chooses one */
export function startDevPage(
  run: DevRun,
  port: number,
  { installation }: CliContext,
): Promise<StartServer> {
  const pageOf = onceFor((name: 'start' | 'workbench') => installation.page(name));
  return startServer(
    {
      overview: overviewOf(run, installation.version),
      paths: run.paths,
      pages: { start: () => pageOf('start'), workbench: () => pageOf('workbench') },
    },
    port,
  );
}

function overviewOf(run: DevRun, version: string): StartOverview {
  const { envoy, webhook } = run;
  const path = askingPath(run);
  return {
    version,
    envoy: envoy.kind === 'real' ? envoy.title : `a small client plays Envoy’s part: ${envoy.why}`,
    caller: path?.caller.name ?? '',
    callee: path?.callee.name ?? '',
    webhook: webhook.url,
    dataPaths: (['ext-authz', 'native'] as const).map((name) => dataPathOf(name, run)),
    scenes: scenes.map(({ scene, title }) => ({ scene, title })),
  };
}

function dataPathOf(dataPath: 'ext-authz' | 'native', { paths, envoy }: DevRun): StartDataPath {
  const words = { dataPath, ...about[dataPath] };
  if (paths.some((each) => each.dataPath === dataPath)) return words;
  if (paths.length === 0)
    return {
      ...words,
      missing: 'These manifests hold no pair of a caller (jwt-inject) and a callee (jwt-validate).',
    };
  const why = envoy.kind === 'real' ? '' : ` (${envoy.why})`;
  return { ...words, missing: `It needs a real Envoy, and none is here${why}.` };
}
