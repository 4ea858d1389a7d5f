/** Where the real components lie that `scripts/components` installed, and what happens to tests when they don't. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';

/** A row of `scripts/components.d/pins`. */
interface Pin {
  readonly name: string;
  readonly version: string;
  readonly programs: readonly string[];
}

const cache =
  process.env['SVIDECAR_COMPONENTS'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'svidecar', 'components');

function readPins(): readonly Pin[] {
  const table = new URL('../../../scripts/components.d/pins', import.meta.url);
  return readFileSync(table, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , how]) => how !== 'debian')
    .map(([name = '', , version = '', , , , programs = '']) => ({
      name,
      version,
      programs: programs.split(','),
    }));
}

const pins = readPins();

/** The Kubernetes version that tests run on unless they ask for another one, such as `1.36.2`. */
export const kubernetesVersion =
  process.env['SVIDECAR_KUBERNETES'] ??
  pins.find(({ name }) => name === 'kubernetes')?.version ??
  '';

/**
 * The path of an installed program, whether it exists or not.
 * @param version other than the pinned one; only Kubernetes has several.
 * @throws {TypeError} when no component holds a program of this name.
 */
export function programPath(program: string, version?: string): string {
  const pin = pins.find(({ programs }) => programs.includes(program));
  if (pin === undefined)
    throw new TypeError(`no component in scripts/components.d/pins holds ${program}`);
  const wanted = version ?? (pin.name === 'kubernetes' ? kubernetesVersion : pin.version);
  return join(cache, `${pin.name}-${wanted}`, program);
}

/**
 * `describe` for tests that need real programs. Where one is missing they are skipped, with the reason in the title,
 * or fail when SVIDECAR_NO_SKIP is set.
 * @param programs such as `envoy` or `kube-apiserver`.
 */
export function describeWithComponents(
  programs: readonly string[],
  title: string,
  tests: () => void,
): void {
  const missing = programs.filter((program) => !existsSync(programPath(program)));
  if (missing.length === 0) {
    describe(title, tests);
    return;
  }
  const reason = `${missing.join(', ')} missing: run scripts/components`;
  if (process.env['SVIDECAR_NO_SKIP'] !== undefined) throw new Error(reason);
  describe.skip(`${title} (${reason})`, tests);
}
