/** Prints the import rules that a dependency-cruiser JSON report (stdin) says are broken; exits 1 if any is. */
import { readFileSync } from 'node:fs';

interface Report {
  readonly summary: { readonly violations: readonly Violation[] };
}
interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

// The border to another program's output: dependency-cruiser documents this shape.
const report = JSON.parse(readFileSync(0, 'utf8')) as Report;
for (const { from, to, rule } of report.summary.violations) {
  console.log(`${rule.name}: ${from} → ${to}`);
}
process.exitCode = report.summary.violations.length > 0 ? 1 : 0;
