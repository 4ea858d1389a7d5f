/** `scripts/sds test`: a line for each proof; then the scene is as it was. Exit code 1 if something is not so. */
import { proofsOfChange } from './proofs-of-change.ts';
import { proofsOfRefusal } from './proofs-of-refusal.ts';
import { proofsOfTokens } from './proofs-of-tokens.ts';
import { dataPath, sds } from './scene.ts';

// With tokens, strangers to whom mTLS says no are refused all the same; who is let in by mTLS alone is not any more.
const proofs = dataPath === 'off' ? [...proofsOfRefusal, ...proofsOfChange] : proofsOfTokens;
let failed = 0;
for (const { title, prove } of proofs) {
  const began = performance.now();
  const outcome = await prove().then(
    (figures) => `ok      ${title}${figures === '' ? '' : ` (${figures})`}`,
    (error: unknown) => {
      failed += 1;
      return `not ok  ${title}\n${error instanceof Error ? error.message : String(error)}`;
    },
  );
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${outcome}`);
}
// Whatever a proof left behind: parts that do not run, entries that are missing or of a short life.
await sds(['up']);
await sds(['register']);
process.exitCode = failed === 0 ? 0 : 1;
