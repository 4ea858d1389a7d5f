/** What happens to tests where the real components do not lie that `scripts/components` installs. */
import { existsSync } from 'node:fs';
import { describe } from 'vitest';
import { kubernetesVersion, programPath as pathOfPinned } from '../../../scripts/pins.ts';

export { kubernetesVersion };

/**
 * An Envoy older than the pinned one for a whole run, such as `1.36`: the component `envoy-1.36`. What it does not know yet
 * is left out of the configurations and lists that tests have for the pinned one.
 */
export const olderEnvoy = process.env['SVIDECAR_ENVOY'];

/** As in the table of pins, but for the Envoy that SVIDECAR_ENVOY asks for. @see pins.ts */
export function programPath(program: string, version?: string): string {
  const isOlder = program === 'envoy' && olderEnvoy !== undefined;
  return pathOfPinned(isOlder ? `envoy-${olderEnvoy}` : program, version);
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
