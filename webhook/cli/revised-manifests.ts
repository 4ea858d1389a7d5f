/** Manifests of svidecar's own, read and printed as those of a revision. */
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { printable } from '#kernel/text.ts';
import { clusterLimits } from '../editing/text-limits.ts';
import { yamlOf } from '../manifests/appended-documents.ts';
import {
  faultsIn,
  openDocument,
  splitManifest,
  type ManifestDocument,
} from '../manifests/manifest.ts';
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
  const sources = readInputs(paths, { terminal, command: `revision render ${revision}` });
  const files = sources.map((source) => {
    const documents = splitManifest(source).map((raw) => openDocument(raw, clusterLimits).document);
    const [fault] = faultsIn(documents);
    if (fault !== undefined) throw fault.error;
    return { name: source.name, objects: documents.flatMap(valuesIn) };
  });
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

function valuesIn({ objects }: ManifestDocument): readonly JsonObject[] {
  return objects.map(({ value }) => value);
}
