/** Which file an Envoy container reads as its configuration, derived from its command, environment and directory. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import { environmentOf, type Environment } from './environment.ts';
import { startedBy, type Started } from './envoy-command.ts';
import { cleanPath, unsetIn } from './mounted-path.ts';
import { knownText, unknownIn, type Text } from './partial-text.ts';

export type ReadPath =
  | {
      readonly kind: 'path';
      readonly path: string;
      /** Not set anywhere: it is the one that Envoy's images read. */
      readonly isAssumed: boolean;
      /** Sentences. */
      readonly doubts: readonly string[];
      readonly suggestions: readonly string[];
    }
  /** It is unknown, but the user can name it. */
  | {
      readonly kind: 'unknown';
      readonly why: string;
      /** Sentences that also apply where the user names the path. */
      readonly doubts: readonly string[];
      readonly suggestions: readonly string[];
    }
  /** No file alone is its configuration, whatever the user says. */
  | { readonly kind: 'refused'; readonly why: string };

/** The path that Envoy's images read by default. */
const defaultPath = '/etc/envoy/envoy.yaml';
/** Variables that a script or an image may take a configuration from. */
const tellingWords = ['CONF', 'YAML', 'BOOTSTRAP', 'FILE', 'PATH'] as const;
const tellingNames: ReadonlySet<string> = new Set([
  'CONFIG_FILE',
  'CONFIG_PATH',
  'BOOTSTRAP',
  'BOOTSTRAP_FILE',
  'BOOTSTRAP_PATH',
]);

/** `ENVOY_CONFIG`, `MY_ENVOY_YAML`, or one of the names that stand alone. */
function isTelling(variable: string): boolean {
  const name = variable.toUpperCase();
  const envoy = name.indexOf('ENVOY');
  return (
    tellingNames.has(name) ||
    (envoy >= 0 && tellingWords.some((word) => name.includes(word, envoy + 'ENVOY'.length)))
  );
}

export function readPath(container: JsonObject): ReadPath {
  const environment = environmentOf(container);
  const started = startedBy(container);
  switch (started.kind) {
    case 'image':
      return byImage(container, environment);
    case 'unknown': {
      const { names, paths } = tellingVariables(environment);
      const why = `${started.why}${names === '' ? '' : `; it may take its configuration from the variable ${names}`}`;
      const several = `${started.why}, and only one of them can be patched: give each a container of its own`;
      const doubts = started.isSeveral ? [several] : [];
      return { kind: 'unknown', why, doubts, suggestions: [...paths, ...started.paths] };
    }
    case 'envoy':
      return byOptions(started);
    default:
      return started satisfies never;
  }
}

function byImage(container: JsonObject, environment: Environment): ReadPath {
  const { names, paths } = tellingVariables(environment);
  if (names !== '') {
    const why = `nothing in the pod says which file it reads, and its image may take it from the variable ${names}; say it with args: [-c, <path>]`;
    return { kind: 'unknown', why, doubts: [], suggestions: paths };
  }
  const doubt = `container "${stringAt(container, 'name') ?? ''}" has neither command nor args, so that its image decides which file it reads: ${defaultPath} is assumed, as in Envoy's own images; args: [-c, ${defaultPath}] makes it certain`;
  return { kind: 'path', path: defaultPath, isAssumed: true, doubts: [doubt], suggestions: [] };
}

function byOptions(started: Extract<Started, { kind: 'envoy' }>): ReadPath {
  const { options, directory, paths } = started;
  const { configPath, configYaml, hasEqualsSign } = options;
  if (configYaml !== undefined) return { kind: 'refused', why: ofYaml(configYaml, configPath) };
  if (configPath === undefined)
    return unknown(
      'its command line names no configuration (-c or --config-path), without which Envoy does not start; add args: [-c, <path>]',
    );
  const path = knownText(configPath);
  if (path === undefined)
    return unknown(`which file it reads is not known: ${unknownIn(configPath)?.why ?? ''}`);
  const unset = unsetIn(path);
  if (unset !== undefined)
    return unknown(`it reads ${path}, and its env does not set ${unset} before it is used`);
  const start = path.startsWith('/') ? '' : directory;
  if (start === undefined)
    return unknown(
      `it reads ${path}, a relative path, and which directory it starts in is not known; add workingDir to the container, or name the whole path`,
    );
  const equals = `Envoy does not take option and path joined by "=" (${path}) and ends at once with "Couldn't find match for argument"; write them as two words`;
  return {
    kind: 'path',
    path: cleanPath(`${start}/${path}`),
    isAssumed: false,
    doubts: [...(hasEqualsSign ? [equals] : []), ...besideOf(started)],
    suggestions: paths,
  };
}

/** Reported once, however much it is. */
function besideOf({ beside: [first, ...more] }: Extract<Started, { kind: 'envoy' }>): string[] {
  if (first === undefined) return [];
  const others = more.length === 0 ? '' : ` (and ${more.length} more like it)`;
  return [
    `its script runs something beside Envoy that svidecar does not know: ${first}${others}; another Envoy started there would get no filter: give it a container of its own`,
  ];
}

function unknown(why: string): ReadPath {
  return { kind: 'unknown', why, doubts: [], suggestions: [] };
}

function ofYaml(configYaml: Text, configPath: Text | undefined): string {
  const source = unknownIn(configYaml)?.why;
  const from = source === undefined ? '' : ` (${source})`;
  return configPath === undefined
    ? `its configuration stands in its command line (--config-yaml)${from}, which svidecar does not patch: put it into a ConfigMap, mount that, and name the file with -c`
    : `--config-yaml${from} adds to the configuration of the file, listeners too, and what it adds would get no filter: move it into the file, and remove --config-yaml`;
}

function tellingVariables(environment: Environment): {
  /** For messages; empty = there are none. */
  readonly names: string;
  readonly paths: readonly string[];
} {
  const names = environment.names().filter(isTelling).slice(0, 3);
  const paths = names.flatMap((name) => knownText(environment.value(name) ?? []) ?? []);
  return { names: names.join(', '), paths: paths.filter((path) => path.startsWith('/')) };
}
