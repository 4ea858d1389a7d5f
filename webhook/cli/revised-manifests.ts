/** Manifests of svidecar's own, read and printed as those of a revision. */
import { AppError } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { parseText } from '../editing/parse-text.ts';
import { yamlOf } from '../manifests/appended-documents.ts';
import { revisableObjects } from '../manifests/revisable-objects.ts';
import { manifestsOfRevision } from '../manifests/revise-manifests.ts';
import { readInputs } from './read-inputs.ts';
import type { Terminal } from './terminal.ts';

/** What is left out is told. @throws {AppError} FILE_UNREADABLE, TEXT_UNPARSABLE; USAGE where nothing of it is the injector's, or it cannot become a revision's */
export function revisedManifests(
  revision: string,
  paths: readonly string[],
  terminal: Terminal,
): string {
  const files = readInputs(paths, { terminal, command: `revision render ${revision}` }).map(
    ({ name, text }) => ({
      name,
      documents: parseText(text, name),
    }),
  );
  const { own, shared, foreign } = revisableObjects(files);
  if (own.length === 0)
    throw new AppError(
      'USAGE',
      "none of these objects is the injector's (labels app.kubernetes.io/name: svidecar and app.kubernetes.io/component: webhook); give it what kubectl kustomize prints of svidecar's manifests",
    );
  const revised = manifestsOfRevision(own, revision);
  const tell = (names: readonly string[], why: string): void => {
    if (names.length > 0) terminal.err(`${printable(`left out: ${names.join(', ')}: ${why}`)}\n`);
  };
  tell(shared, 'all revisions share it');
  tell(foreign, "not svidecar's (no label app.kubernetes.io/name: svidecar), apply it by itself");
  return revised.map((object) => yamlOf(object)).join('---\n');
}
