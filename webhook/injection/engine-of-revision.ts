/** The engine of another installation that has the same configuration: names of ConfigMaps and the status are its own. */
import { EngineMemory } from './engine-memory.ts';
import type { Engine } from './inject.ts';

/** @param revision empty for the installation without a name */
export function engineOfRevision(engine: Engine, revision: string): Engine {
  if (revision === (engine.revision ?? '')) return engine;
  const { revision: _other, ...rest } = engine;
  return {
    ...rest,
    memory: new EngineMemory(engine.library, revision),
    ...(revision === '' ? {} : { revision }),
  };
}
