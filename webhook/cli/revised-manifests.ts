/** Manifests of svidecar's own, read and printed as those of a revision. */
import { AppError } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';
import { parseText } from '../editing/parse-text.ts';
import { yamlOf } from '../manifests/appended-documents.ts';
import { manifestsOfRevision } from '../manifests/revise-manifests.ts';
import { readInputs } from './read-inputs.ts';
import type { Terminal } from './terminal.ts';

/** @throws {AppError} FILE_UNREADABLE, TEXT_UNPARSABLE; USAGE where nothing of it is the injector's, or not enough to make it a revision's */
export function revisedManifests(
  revision: string,
  paths: readonly string[],
  terminal: Terminal,
): string {
  const objects = readInputs(paths, terminal)
    .flatMap(({ name, text }) => parseText(text, name))
    .filter(isObject);
  const revised = manifestsOfRevision(objects, revision);
  if (revised.length === 0)
    throw new AppError(
      'USAGE',
      "none of these objects is the injector's (label app.kubernetes.io/component: webhook); give it what kubectl kustomize prints of svidecar's manifests",
    );
  return revised.map((object) => yamlOf(object)).join('---\n');
}
