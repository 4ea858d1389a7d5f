/**
 * Bundles the helper into one file that needs nothing but a runtime. `bundle-helper.ts [OUT]` (default dist/helper.cjs).
 * Names are kept, so that stack traces can be read; white space and comments are not.
 * @see docs/adr/0012-the-helpers-bundle-and-runtime.md
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { build } from 'esbuild';

const [out = 'dist/helper.cjs'] = process.argv.slice(2);
mkdirSync(dirname(out), { recursive: true });
await build({
  entryPoints: ['sidecar/main.ts'],
  outfile: out,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  // grpc-js asks for it only where channelz or ORCA is used; it would be a fifth of the file.
  external: ['@grpc/proto-loader'],
  logLevel: 'warning',
});
console.log(`${out} ${statSync(out).size}`);
