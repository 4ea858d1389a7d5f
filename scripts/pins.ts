/** The table `scripts/components.d/pins`, and where `scripts/components` puts what it names. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A row of the table. */
interface Pin {
  readonly name: string;
  readonly version: string;
  readonly programs: readonly string[];
}

const cache =
  process.env['SVIDECAR_COMPONENTS'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'svidecar', 'components');

function readPins(): readonly Pin[] {
  return readFileSync(new URL('components.d/pins', import.meta.url), 'utf8')
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

/** The pinned version of the component that holds a program. @throws {TypeError} when none holds one of this name. */
export function programVersion(program: string): string {
  const { name, version } = pinOf(program);
  return name === 'kubernetes' ? kubernetesVersion : version;
}

/**
 * The path of an installed program, whether it exists or not.
 * @param version other than the pinned one; only Kubernetes has several.
 * @throws {TypeError} when no component holds a program of this name.
 */
export function programPath(program: string, version?: string): string {
  return join(cache, `${pinOf(program).name}-${version ?? programVersion(program)}`, program);
}

function pinOf(program: string): Pin {
  const pin = pins.find(({ programs }) => programs.includes(program));
  if (pin !== undefined) return pin;
  throw new TypeError(`no component in scripts/components.d/pins holds ${program}`);
}
