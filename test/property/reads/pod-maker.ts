/** Pods by chance: an Envoy that is told of its configuration in the ways that people use, and in odd ones. */
import * as arb from 'fast-check';
import type fc from 'fast-check';
import type { JsonObject } from '#kernel/json.ts';
import { pick } from '../pick.ts';

type Draw = fc.GeneratorValue;
type Words = readonly string[];

const often = (g: Draw, of: number): boolean => g(arb.nat, of - 1) > 0;

/** The first, or one of the others once in a while: enough pods have one oddity, and not all of them ten. */
function mostly<T>(g: Draw, usual: T, ...odd: readonly T[]): T {
  return often(g, 8) ? usual : pick(g, usual, ...odd);
}

const files = ['envoy.yaml', 'a.yaml', 'b.yaml', 'c.yaml', 'sub/a.yaml'] as const;

export interface MadePod {
  readonly spec: JsonObject;
  readonly container: JsonObject;
  /** ConfigMaps that admission does not see yet. */
  readonly unseen: Words;
}

/** @param root where the container's paths begin; the image's own are below it too */
export function makePod(g: Draw, root: string): MadePod {
  const isImages = !often(g, 12);
  const etc = isImages ? '/etc' : `${root}/etc`;
  const start = isImages ? {} : startOf(g, etc);
  const volumes = ['config', 'other', 'third'].map((name) => ({ name, ...volume(g) }));
  const isInit = !often(g, 6);
  const container: JsonObject = {
    name: 'envoy',
    image: 'envoyproxy/envoy:v1.40.0',
    ...start,
    ...(often(g, 10) ? {} : { envFrom: [{ configMapRef: { name: 'settings' } }] }),
    env: environment(g, etc),
    volumeMounts: mounts(g, etc),
    ...(isInit ? { restartPolicy: 'Always' } : {}),
  };
  const validating = {
    name: 'first',
    image: 'envoyproxy/envoy:v1.40.0',
    args: ['--mode', 'validate', '-c', '/etc/envoy/a.yaml'],
  };
  const inits = [...(often(g, 4) ? [] : [validating]), ...(isInit ? [container] : [])];
  return {
    container,
    unseen: often(g, 5) ? [] : [pick(g, 'source', 'second', 'bytes')],
    spec: {
      containers: [{ name: 'app', image: 'app:1' }, ...(isInit ? [] : [container])],
      initContainers: inits,
      volumes,
    },
  };
}

function environment(g: Draw, etc: string): readonly JsonObject[] {
  const literal = (name: string, value: string): JsonObject => ({ name, value });
  const from = (name: string, valueFrom: JsonObject): JsonObject => ({ name, valueFrom });
  const drawn = [
    literal('DIR', `${etc}/envoy`),
    literal('ROLE', pick(g, 'a', 'b')),
    pick(
      g,
      literal('FILE', pick(g, ...files)),
      literal('FILE', '$(ROLE).yaml'),
      literal('FILE', '$$(ROLE).yaml'),
      literal('FILE', 'a.yaml'),
      from('FILE', { configMapKeyRef: { name: 'settings', key: 'CONF' } }),
      from('FILE', { secretKeyRef: { name: 'keys', key: 'CONF' } }),
      from('FILE', { fieldRef: { fieldPath: 'metadata.name' } }),
    ),
    literal('CONF', pick(g, '$(DIR)/$(FILE)', '$(DIR)/a.yaml', `${etc}/envoy/b.yaml -l info`)),
    literal('ROLE', 'b'),
  ];
  return drawn.filter(() => often(g, 40));
}

/** A path in one of the spellings. */
function pathIn(g: Draw, etc: string): string {
  const file = mostly(g, pick(g, 'envoy.yaml', 'a.yaml', 'b.yaml'), ...files);
  return mostly(
    g,
    pick(g, `${etc}/envoy/${file}`, '$(CONF)', '$(DIR)/$(FILE)'),
    `${etc}//./envoy/../envoy/${file}`,
    file,
    `./${file}`,
    '$(CONF)',
    '$(DIR)/$(FILE)',
    '$(DIR)/$(ROLE).yaml',
    '$(UNDEFINED)',
    '$$(CONF)',
  );
}

function options(g: Draw, etc: string): Words {
  const path = pathIn(g, etc);
  const before = mostly<Words>(
    g,
    [],
    ['-l', 'info'],
    ['--service-node', '-c'],
    ['--disable-hot-restart'],
    ['--service-node', '$(POD)'],
    ['-l info'],
    ['--mode', 'validate'],
  );
  const config = mostly<Words>(
    g,
    ['-c', path],
    ['--config-path', path],
    [`--config-path=${path}`],
    [`-c ${path}`],
    ['-c', path, '--config-yaml', '{}'],
    ['-c', path, '-c', `${etc}/envoy/envoy.yaml`],
    ['--config-yaml', '{}'],
    [],
  );
  return pick(g, [...before, ...config], [...before, ...config], [...config, ...before]);
}

function startOf(g: Draw, etc: string): JsonObject {
  const words = options(g, etc);
  const at = (program: string): string => etc.replace(/etc$/, `opt/bin/${program}`);
  const start = pick<JsonObject>(
    g,
    { args: words },
    { args: ['envoy', ...words] },
    { command: ['envoy'], args: words },
    { command: ['envoy', ...words] },
    { command: [at('envoy'), ...words] },
    { command: ['docker-entrypoint.sh'], args: words },
    { command: ['tini', '-e', '143', '--', 'su-exec', 'envoy', 'envoy'], args: words },
    { command: ['dumb-init', '--single-child', 'env', 'FILE=a.yaml', 'nohup', 'envoy', ...words] },
    { command: ['timeout', '-s', 'KILL', '5', 'nice', '-n', '1', 'setsid', 'envoy'], args: words },
    { command: ['func-e', 'run', ...words] },
    { command: ['start-others'], args: words },
    script(g, etc),
    script(g, etc),
    script(g, etc),
    script(g, etc),
  );
  const directories = [root(etc), `${etc}/envoy`, `${etc}/envoy/sub`];
  return mostly(g, start, ...directories.map((workingDir) => ({ ...start, workingDir })));
}

const root = (etc: string): string => etc.replace(/\/etc$/, '');

function script(g: Draw, etc: string): JsonObject {
  const lines = g(arb.nat, 2);
  const before = Array.from({ length: lines }, () => line(g, etc));
  const text = [...before, lastLine(g, etc)].join(pick(g, '\n', '; ', '\n'));
  return {
    command: [pick(g, 'sh', 'bash', '/bin/sh'), pick(g, '-c', '-ec', '-exc'), text],
    ...(often(g, 6) ? {} : { args: ['-c', `${etc}/envoy/envoy.yaml`] }),
  };
}

function line(g: Draw, etc: string): string {
  const file = pick(g, 'a.yaml', 'b.yaml', 'envoy.yaml');
  return pick(
    g,
    `CONF=${etc}/envoy/${file}`,
    `export FILE=${file}`,
    `X=1; test -n "$X" && FILE=${file}`,
    `if test -e ${etc}/envoy/c.yaml; then CONF=${etc}/envoy/${file}; fi`,
    `cd ${etc}/envoy`,
    'cd "$DIR"',
    'cd ..',
    'echo envoy -c /x',
    `envoy --mode validate -c ${etc}/envoy/${file}`,
    `envoy -c ${etc}/envoy/${file} &`,
    'func-e run -c "$DIR/b.yaml" &',
    'start-others &',
    `trap 'echo envoy' TERM`,
    `trap 'start-others' EXIT`,
    'X=$(start-others)',
    'X=`echo envoy`',
    'for FILE in b.yaml a.yaml; do :; done',
    'unset FILE',
    'set -- -c x',
    'umask 022 # envoy -c /x',
    `PROGRAM=envoy; $PROGRAM -c ${etc}/envoy/${file} &`,
    `cat >/dev/null <<E\nenvoy\nE`,
    `run() { envoy -c ${etc}/envoy/${file}; }; run`,
    `eval "FILE=${file}"`,
    `case $ROLE in a) FILE=${file};; esac`,
    `CONF=${etc}/envoy/${file} true`,
    `(CONF=${etc}/envoy/${file})`,
    `CONF=${etc}/envoy/${file} | cat`,
  );
}

function lastLine(g: Draw, etc: string): string {
  const path = mostly(
    g,
    pick(g, `${etc}/envoy/a.yaml`, '"$CONF"', '$DIR/$FILE', '$CONF'),
    `"${etc}/envoy/envoy.yaml"`,
    `'${etc}'/envoy/b.yaml`,
    `${etc}/env\\oy/b.yaml`,
    '"${CONF}"',
    '${CONF:-/x}',
    '"$DIR/$FILE"',
    '${DIR}/${ROLE}.yaml',
    '$(CONF)',
    '$$CONF',
    '"$(echo $DIR/b.yaml)"',
    'a.yaml',
    './b.yaml',
    `${etc}/envoy/c*.yaml`,
    `${etc}/envoy/{a,b}.yaml`,
    '~/etc/envoy/a.yaml',
    '"$@"',
    '"$1"',
  );
  return mostly(
    g,
    `exec envoy -c ${path}`,
    `exec envoy -l info -c ${path} 2>&1`,
    `envoy -c ${path} | cat`,
    `exec -- envoy -c ${path}`,
    `nohup envoy -c ${path} & wait`,
    `if :; then envoy -c ${path}; fi`,
    `FILE=b.yaml CONF=${etc}/envoy/b.yaml envoy -c ${path}`,
    `env FILE=b.yaml envoy -c ${path}`,
    `sh -c 'exec envoy -c ${path.replaceAll("'", '"')}'`,
    `true && envoy -c ${path}`,
    `false || envoy -c ${path} || envoy -c ${etc}/envoy/b.yaml`,
    `su-exec envoy envoy --service-node $(hostname) -c ${path}`,
    `envoy --service-node "$(hostname)" -c ${path}`,
    `command envoy -c ${path}`,
    `envoy $OPTIONS -c ${path}`,
    `envoy --config-path=${path}`,
    `{ envoy -c ${path}; }`,
    `echo "-c ${etc}/envoy/b.yaml" | xargs envoy`,
  );
}

function items(g: Draw): JsonObject {
  const keys = ['envoy.yaml', 'a.yaml', 'b.yaml'] as const;
  const drawn = Array.from({ length: 1 + g(arb.nat, 1) }, () => ({
    key: pick(g, ...keys),
    path: pick(g, ...files),
  }));
  return mostly(g, {}, { items: drawn }, { items: drawn, optional: true }, { optional: true });
}

function configMap(g: Draw): JsonObject {
  const name = mostly(g, 'source', 'second', 'bytes', 'flags', 'not-there');
  return { configMap: { name, defaultMode: 0o440, ...items(g) } };
}

function volume(g: Draw): JsonObject {
  const source = (): JsonObject =>
    mostly(g, configMap(g), { secret: { name: 'hidden', ...items(g) } });
  const sources = Array.from({ length: 1 + g(arb.nat, 2) }, source);
  return mostly<JsonObject>(
    g,
    pick(g, configMap(g), configMap(g), { projected: { sources } }),
    { secret: { secretName: 'hidden', ...items(g) } },
    { emptyDir: {} },
    { hostPath: { path: '/srv' } },
    { downwardAPI: { items: [{ path: 'envoy.yaml', fieldRef: { fieldPath: 'metadata.name' } }] } },
  );
}

function mounts(g: Draw, etc: string): readonly JsonObject[] {
  const subPath = (): JsonObject =>
    pick(
      g,
      { subPath: pick(g, ...files) },
      { subPath: 'sub' },
      { subPathExpr: '$(ROLE).yaml' },
      { subPathExpr: '$(FILE)' },
      { subPathExpr: '$(UNDEFINED)' },
    );
  const folder = { name: 'config', mountPath: pick(g, `${etc}/envoy`, `${etc}/envoy/`) };
  const more = (): JsonObject =>
    pick<JsonObject>(
      g,
      { name: 'other', mountPath: etc },
      { name: 'other', mountPath: `${etc}/envoy`, subPath: 'sub' },
      { name: 'other', mountPath: `${etc}/envoy/${pick(g, ...files)}`, ...subPath() },
      { name: 'third', mountPath: `${etc}/envoy/sub` },
      { name: 'third', mountPath: `${etc}/envoy/a.yaml`, ...subPath() },
      { name: 'config', mountPath: `${etc}/envoy/b.yaml`, ...subPath() },
    );
  const rest = Array.from({ length: pick(g, 0, 1, 2) }, more);
  return pick(g, [folder, ...rest], [...rest, folder], [folder]);
}
