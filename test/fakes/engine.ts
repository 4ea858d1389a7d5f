/** The engine with the built-in templates, as main builds it; for tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../webhook/injection/config.ts';
import type { Engine } from '../../webhook/injection/inject.ts';
import { buildLibrary, readTemplate } from '../../webhook/injection/library.ts';

const folder = join(import.meta.dirname, '../../templates');
const builtIn = Object.fromEntries(
  readdirSync(folder).map((name) => [
    name,
    readTemplate(readFileSync(join(folder, name, 'template.yaml'), 'utf8'), name),
  ]),
);

/** @param config as a person writes it; empty means all defaults. */
export function engineFor(config: unknown = {}, kubernetesMinor = 36): Engine {
  const checked = checkConfig(config, 'config.yaml');
  return {
    config: checked,
    kubernetesMinor,
    library: buildLibrary({ ...builtIn, ...checked.templates }),
    version: '0.1.0',
  };
}
