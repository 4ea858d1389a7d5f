/** The engine of a configuration and the templates that are built in. */
import { checkTemplates } from '../request/check-templates.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { buildLibrary } from '../templates/library.ts';
import type { Template } from '../templates/template-schema.ts';
import { EngineMemory } from './engine-memory.ts';
import type { Engine } from './inject.ts';

/** @throws {AppError} CONFIG_INVALID, TEMPLATE_INVALID */
export function makeEngine(
  config: InjectorConfig,
  builtIn: Readonly<Record<string, Template>>,
  { kubernetesMinor, version, revision }: Pick<Engine, 'kubernetesMinor' | 'version' | 'revision'>,
): Engine {
  const templates = { ...builtIn, ...config.templates };
  checkTemplates(templates, config);
  const library = buildLibrary(templates);
  const memory = new EngineMemory(library, revision);
  return {
    config,
    kubernetesMinor,
    library,
    memory,
    version,
    ...(revision === undefined ? {} : { revision }),
  };
}
