/** Bundles the helper: `bundle-helper.ts [OUT]` (default dist/helper.cjs), and beside it what rules with Redis need. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleHelper, redisBundle } from './bundle.ts';

const [out = 'dist/helper.cjs'] = process.argv.slice(2);
await bundleHelper(out);
for (const file of [out, join(dirname(out), redisBundle)])
  console.log(`${file} ${statSync(file).size}`);
