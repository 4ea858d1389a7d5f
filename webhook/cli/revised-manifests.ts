/** Manifests of svidecar's own, read and printed as those of a revision. */
import { parseAllDocuments, stringify } from 'yaml';
import { AppError } from '#kernel/errors.ts';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { manifestsOfRevision } from '../manifests/revise-manifests.ts';
import { readInputs } from './read-inputs.ts';
import type { Terminal } from './terminal.ts';

/** @throws {AppError} FILE_UNREADABLE; USAGE where nothing of it is the injector's */
export function revisedManifests(
  revision: string,
  paths: readonly string[],
  terminal: Terminal,
): string {
  const objects = readInputs(paths, terminal).flatMap(({ name, text }) => objectsOf(name, text));
  const revised = manifestsOfRevision(objects, revision);
  if (revised.length === 0)
    throw new AppError(
      'USAGE',
      "none of these objects is the injector's (label app.kubernetes.io/component: webhook); give it what kubectl kustomize prints of svidecar's manifests",
    );
  return revised.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}

function objectsOf(name: string, text: string): readonly JsonObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined)
      throw new AppError('FILE_UNREADABLE', `${name}: not YAML: ${error.message}`);
    const value: unknown = document.toJS();
    return isObject(value) ? [value] : [];
  });
}
