/** Bundles the helper: `bundle-helper.ts [OUT]` (default dist/helper.cjs). */
import { statSync } from 'node:fs';
import { bundle } from './bundle.ts';

const [out = 'dist/helper.cjs'] = process.argv.slice(2);
await bundle('helper', out);
console.log(`${out} ${statSync(out).size}`);
