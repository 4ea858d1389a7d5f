/** The engine of another installation that has the same configuration: names of ConfigMaps and the status are its own. */
import { noRevision } from '../request/revision.ts';
import { EngineMemory } from './engine-memory.ts';
import type { Engine } from './inject.ts';

export function engineOfRevision(engine: Engine, revision: string): Engine {
  if (revision === (engine.revision ?? noRevision)) return engine;
  const { revision: _other, ...rest } = engine;
  return {
    ...rest,
    memory: new EngineMemory(engine.library, revision),
    ...(revision === noRevision ? {} : { revision }),
  };
}
