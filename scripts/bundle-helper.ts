/**
 * Bundles the helper: `bundle-helper.ts [OUT]` (default dist/helper.cjs), and beside it what only some settings need.
 * `bundle-helper.ts --executable [OUT]` (default dist/auth-helper) makes one executable of all that.
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ownArchitecture } from './architectures.ts';
import { besideHelper, bundleHelper } from './bundle.ts';
import { buildExecutable } from './helper-executable.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { executable: { type: 'boolean', default: false } },
});
const [out = values.executable ? 'dist/auth-helper' : 'dist/helper.cjs'] = positionals;
const beside = values.executable ? [] : besideHelper;
await (values.executable ? buildExecutable(out, ownArchitecture) : bundleHelper(out));
for (const file of [out, ...beside.map((name) => join(dirname(out), name))])
  console.log(`${file} ${statSync(file).size}`);
