/**
 * Bundles our programs, each into one file that needs nothing but a runtime. Names are kept, so that stack traces can be
 * read; white space and comments are not.
 * @see docs/adr/0012-the-helpers-bundle-and-runtime.md
 */
import { mkdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { build as runBuild, type BuildOptions, type Metafile, type Plugin } from 'esbuild';

const commonJs: BuildOptions = { format: 'cjs' };
/** Some packages are CommonJS and ask for Node's own modules at run time: inside an ES module they need a `require`. */
const esModule: BuildOptions = {
  format: 'esm',
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
};

/** Beside the helper: the client for Redis, with all that only rules with such a store need. Others never open it. */
export const redisBundle = 'redis.cjs';
/** Beside the helper: what reads YAML, the tutorial's conf and lists of bans. With usual settings nobody opens it. */
export const settingsBundle = 'settings.cjs';

/** Beside the webhook's main file. */
export const partsFolder = 'parts';

/** A module that is imported when it is needed becomes a bundle of its own. */
function apart(name: string, module: RegExp): Plugin {
  return {
    name: `${name}-apart`,
    setup: (build) => {
      build.onResolve({ filter: module }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: `./${name}`, external: true } : undefined,
      );
    },
  };
}

/**
 * Rooms behind commands that take a page of the installation first: images have no pages, so what such a command imports
 * afterwards is never asked for there.
 */
const withoutPages: Plugin = {
  name: 'without-pages',
  setup: (build) => {
    build.onResolve({ filter: /\/console[^/]*\/[^/]+\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

/**
 * Of the Kubernetes client, kubeconfigs and forwarded ports are used: calls of the API are our own. Without its generated
 * calls, and the HTTP client for them, what each start has to read is a tenth as large.
 * @see docs/adr/0092-an-api-client-with-a-reflector-of-our-own.md
 */
const withoutGeneratedCalls: Plugin = {
  name: 'without-generated-calls',
  setup: (build) => {
    build.onResolve({ filter: /^(?:undici|.*\/gen\/.*)$/ }, ({ importer, path }) =>
      /@kubernetes\/client-node\/dist\/[^/]+$/.test(importer)
        ? { path, namespace: 'unused', sideEffects: false }
        : undefined,
    );
    build.onLoad({ filter: /./, namespace: 'unused' }, () => ({
      contents: 'module.exports = {};',
    }));
  },
};

/** grpc-js asks for it only where channelz or ORCA is used, and it would be a large part of the bundle. */
const protoLoader = '@grpc/proto-loader';

/** Where an executable that Bun writes has what it carries. */
export const insideExecutable = '/$bunfs/root';

/** Left to itself Bun would write down the folder where it was made. */
function inExecutable(folder: string): BuildOptions {
  const place = JSON.stringify(`${insideExecutable}/${folder}`);
  return {
    ...esModule,
    define: { 'import.meta.dirname': place, __dirname: place, __filename: place },
  };
}

/** What differs. The helper is CommonJS, which both runtimes start faster; the webhook waits at its top level. */
const programs = {
  helper: {
    entryPoints: ['sidecar/main.ts'],
    plugins: [
      apart(redisBundle, /\/redis\/open-mirror\.ts$/),
      apart(settingsBundle, /\/config\/written-settings\.ts$/),
    ],
    ...commonJs,
  },
  settings: { entryPoints: ['sidecar/config/written-settings.ts'], ...commonJs },
  // Its client asks for this only where somebody turns its own metrics on. The webhook has it, for its metrics.
  redis: {
    entryPoints: ['sidecar/redis/open-mirror.ts'],
    external: ['@opentelemetry/api'],
    ...commonJs,
  },
  // In parts: what a command needs is loaded with it, and the Kubernetes client and the helper are most of it all.
  webhook: {
    entryPoints: ['webhook/main.ts'],
    splitting: true,
    plugins: [withoutPages, withoutGeneratedCalls],
    ...esModule,
  },
  demo: { entryPoints: ['images/demo/main.ts'], ...esModule },
  // For the npm package: the whole command line, for each Node that is maintained, and what `svidecar dev` starts.
  cli: {
    entryPoints: ['webhook/main.ts'],
    splitting: true,
    plugins: [withoutGeneratedCalls],
    target: 'node22',
    ...esModule,
  },
  // For one executable of the command line.
  executable: {
    entryPoints: ['webhook/main.ts'],
    splitting: true,
    plugins: [withoutGeneratedCalls],
    ...inExecutable('webhook'),
  },
  executableStandIn: {
    entryPoints: ['sidecar/stand-ins/main.ts'],
    ...inExecutable('sidecar/stand-ins'),
  },
  standIn: { entryPoints: ['sidecar/stand-ins/main.ts'], target: 'node22', ...esModule },
} as const satisfies Record<string, BuildOptions>;

/** Bundles that lie beside the helper's, in its folder. */
export const besideHelper = [settingsBundle, redisBundle] as const;

/** Those that are images. */
export type Program = 'helper' | 'webhook' | 'demo';

/** The helper, and what lies beside it. @returns as {@link bundle} */
export async function bundleHelper(out: string): Promise<readonly string[]> {
  const inside = [
    ...(await bundle('helper', out)),
    ...(await bundle('settings', join(dirname(out), settingsBundle))),
    ...(await bundle('redis', join(dirname(out), redisBundle))),
  ];
  return [...new Set(inside)].sort();
}

/**
 * @param out with its extension
 * @returns the folders of the npm packages that are really inside, such as `node_modules/yaml`, in order
 */
export async function bundle(
  program: keyof typeof programs,
  out: string,
): Promise<readonly string[]> {
  mkdirSync(dirname(out), { recursive: true });
  const extension = extname(out);
  const { metafile } = await runBuild({
    target: 'node24',
    ...programs[program],
    outdir: dirname(out),
    entryNames: basename(out, extension),
    chunkNames: `${partsFolder}/[name]-[hash]`,
    outExtension: { '.js': extension },
    bundle: true,
    metafile: true,
    platform: 'node',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    external: [protoLoader, ...('external' in programs[program] ? programs[program].external : [])],
    logLevel: 'warning',
  });
  return packagesIn(metafile);
}

/** Folders of the npm packages of which there is anything in what was written, in order. */
export function packagesIn({ outputs }: Metafile): readonly string[] {
  const inside = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? packageFolder(path) : [],
    ),
  );
  return [...new Set(inside)].sort();
}

/** Nested packages count by themselves: the last node_modules of a path decides. */
function packageFolder(path: string): readonly string[] {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return found === undefined ? [] : [found];
}
