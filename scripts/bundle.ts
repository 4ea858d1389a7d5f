/**
 * Bundles our programs, each into one file that needs nothing but a runtime. Names are kept, so that stack traces can be
 * read; white space and comments are not.
 * @see docs/adr/0012-the-helpers-bundle-and-runtime.md
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const commonJs: BuildOptions = { format: 'cjs' };
/** Some packages are CommonJS and ask for Node's own modules at run time: inside an ES module they need a `require`. */
const esModule: BuildOptions = {
  format: 'esm',
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
};

/** What differs. The helper is CommonJS, which both runtimes start faster; the webhook waits at its top level. */
const programs = {
  helper: { entryPoints: ['sidecar/main.ts'], ...commonJs },
  webhook: { entryPoints: ['webhook/main.ts'], ...esModule },
  demo: { entryPoints: ['images/demo/main.ts'], ...esModule },
} as const satisfies Record<string, BuildOptions>;

export type Program = keyof typeof programs;

/** @returns the folders of the npm packages that are really inside, such as `node_modules/yaml`, in order */
export async function bundle(program: Program, out: string): Promise<readonly string[]> {
  mkdirSync(dirname(out), { recursive: true });
  const { metafile } = await build({
    ...programs[program],
    outfile: out,
    bundle: true,
    metafile: true,
    platform: 'node',
    target: 'node24',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    // grpc-js asks for it only where channelz or ORCA is used; it would be a fifth of the helper.
    external: ['@grpc/proto-loader'],
    logLevel: 'warning',
  });
  const inside = Object.values(metafile.outputs).flatMap(({ inputs }) =>
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
