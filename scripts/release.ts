/** `scripts/release`: makes a release, or verifies one. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { makeRelease } from './release.d/make-release.ts';
import { versionForm } from './release.d/own-version.ts';
import { faultOfRegistry } from './release.d/registry-name.ts';
import { verifyRelease, type Signers } from './release.d/verify-release.ts';

const usage = `usage: scripts/release VERSION [--out FOLDER] [--registry NAME] [--key SSH_KEY]
       scripts/release verify FOLDER [--signers FILE --identity NAME]`;

/** Paths are those of whoever called. */
const caller = process.env['SVIDECAR_CALLER'] ?? process.cwd();

function read(): ReturnType<typeof parse> | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      registry: { type: 'string', default: '' },
      key: { type: 'string' },
      signers: { type: 'string' },
      identity: { type: 'string' },
    },
  });
}

type Values = ReturnType<typeof parse>['values'];

async function run(): Promise<number> {
  const given = read();
  const [first = '', ...rest] = given?.positionals ?? [];
  if (given !== undefined && first === 'verify') return verify(rest, given.values);
  if (given !== undefined && rest.length === 0 && versionForm.test(first))
    return make(first, given.values);
  return wrongUsage();
}

async function make(asked: string, { out, key, registry }: Values): Promise<number> {
  const fault = registry === '' ? undefined : faultOfRegistry(registry);
  if (fault !== undefined)
    return refuse(
      `--registry ${registry} is no registry: ${fault}; give a host, perhaps with folders, such as registry.example.org/team`,
    );
  if (out === '') return refuse('--out is empty: name a folder');
  if (key === '') return refuse('--key is empty: name a private key of ssh-keygen');
  const folder = out === undefined ? resolve('dist/release') : resolve(caller, out);
  const file = key === undefined ? undefined : resolve(caller, key);
  await makeRelease({ version: asked, out: folder, registry, key: file });
  console.log(`made ${folder}; to look at it again: scripts/release verify ${folder}`);
  return 0;
}

function signersOf(signers: string | undefined, identity: string | undefined): Signers | undefined {
  return signers === undefined || identity === undefined
    ? undefined
    : { file: resolve(caller, signers), identity };
}

function verify([folder, ...rest]: readonly string[], values: Values): number {
  const { signers, identity } = values;
  const isHalf = (signers === undefined) !== (identity === undefined);
  if (folder === undefined || rest.length > 0 || isHalf) return wrongUsage();
  const { faults, notes } = verifyRelease(resolve(caller, folder), signersOf(signers, identity));
  // Names of files are a stranger's words.
  for (const fault of faults) console.error(printable(`wrong: ${fault}`));
  if (faults.length > 0) return 1;
  for (const note of notes) console.log(printable(note));
  return 0;
}

function wrongUsage(): number {
  return refuse(usage);
}

function refuse(words: string): number {
  console.error(words);
  return 2;
}

try {
  process.exitCode = await run();
} catch (thrown) {
  console.error(`scripts/release: ${messageOf(thrown)}`);
  process.exitCode = 1;
}
