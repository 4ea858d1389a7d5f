/**
 * `report-tests.ts CHECKS REPORT…`: adds up the check lines and vitest's JSON reports, names what was skipped, and prints the closing line
 * `N passed, N failed, N skipped`. Exits 1 on a failure, on no test at all, or, with SVIDECAR_NO_SKIP, on a skip.
 */
import { existsSync, readFileSync } from 'node:fs';

interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** What vitest calls a test that did not run. */
const unrun: ReadonlySet<string> = new Set(['skipped', 'pending', 'todo']);
const [checksFile = '', ...reportFiles] = process.argv.slice(2);
const lines = existsSync(checksFile) ? readFileSync(checksFile, 'utf8').split('\n') : [];
let passed = lines.filter((line) => line.startsWith('ok ')).length;
let failed = lines.filter((line) => line.startsWith('not ok ')).length;
const skipped = lines.filter((line) => line.startsWith('skip '));

for (const reportFile of reportFiles) {
  if (!existsSync(reportFile)) {
    console.log('not ok: a test run left no report');
    failed += 1;
    continue;
  }
  // The border to another program's output: vitest documents this shape.
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
  for (const file of report.testResults) {
    const results = file.assertionResults;
    passed += results.filter((test) => test.status === 'passed').length;
    const broken = results.filter((test) => test.status === 'failed').length;
    failed += broken > 0 ? broken : Number(file.status === 'failed');
    const left = results.filter((test) => unrun.has(test.status));
    skipped.push(...left.map((test) => `skip ${test.fullName}`));
  }
}
for (const line of skipped) console.log(line);
const forbidden = process.env['SVIDECAR_NO_SKIP'] !== undefined && skipped.length > 0;
if (forbidden) console.log(`not ok: ${skipped.length} skipped where skipping is forbidden`);
process.exitCode = failed > 0 || passed === 0 || forbidden ? 1 : 0;
console.log(
  `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
);
