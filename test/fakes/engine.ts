/** The engine with the built-in templates, as main builds it; for tests. */
import { helperVersion } from '../../sidecar/helper/version.ts';
import { join } from 'node:path';
import { readBuiltInTemplates } from '../../webhook/files/load-engine.ts';
import { checkConfig } from '../../webhook/request/injector-config.ts';
import { EngineMemory } from '../../webhook/injection/engine-memory.ts';
import type { Engine } from '../../webhook/injection/inject.ts';
import { buildLibrary } from '../../webhook/templates/library.ts';

const builtIn = readBuiltInTemplates(join(import.meta.dirname, '../../templates'));

/** @param config as a person writes it; empty means all defaults. */
export function engineFor(config: unknown = {}, kubernetesMinor = 36): Engine {
  const checked = checkConfig(config, 'config.yaml');
  const library = buildLibrary({ ...builtIn, ...checked.templates });
  return {
    config: checked,
    kubernetesMinor,
    library,
    memory: new EngineMemory(library),
    version: helperVersion,
  };
}
