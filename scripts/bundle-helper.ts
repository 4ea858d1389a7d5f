/** Bundles the helper: `bundle-helper.ts [OUT]` (default dist/helper.cjs), and beside it what only some settings need. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { besideHelper, bundleHelper } from './bundle.ts';

const [out = 'dist/helper.cjs'] = process.argv.slice(2);
await bundleHelper(out);
for (const file of [out, ...besideHelper.map((name) => join(dirname(out), name))])
  console.log(`${file} ${statSync(file).size}`);
