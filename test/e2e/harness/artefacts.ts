/** What the end-to-end tests leave to be looked at: pictures and figures. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './cluster.ts';

/** The path of a file that is kept after the run. */
export function artefact(name: string): string {
  const folder = join(repository, 'dist/e2e');
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}
