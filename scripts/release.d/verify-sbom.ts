/** Whether the document of what is inside an artefact is about that artefact, and about each file of it. */
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { sha256 } from '../image-archive.ts';

/** What a document has to be about. */
export interface Described {
  readonly name: string;
  readonly version: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** @throws {Error} that names the first thing of which the document says something else */
export function lookIntoSbom(bytes: Buffer, { name, version, files }: Described): void {
  const parsed: unknown = JSON.parse(bytes.toString());
  const document = isObject(parsed) ? parsed : {};
  const listed = listAt(document, 'files').filter(isObject);
  const stated = new Map(listed.map((file) => [stringAt(file, 'fileName') ?? '', sumOf(file)]));
  for (const [path, content] of files)
    if (stated.get(`./${path}`) !== sha256(content))
      throw new Error(`its SBOM says nothing of ${path}, or something else`);
  if (stated.size !== files.size) throw new Error('its SBOM names files that are not inside');
  lookAtPackages(document, `${name} ${version}`);
}

/** The first is the artefact, which contains the others. */
function lookAtPackages(document: JsonObject, artefact: string): void {
  const packages = listAt(document, 'packages').filter(isObject);
  const names = packages.map(
    (each) => `${stringAt(each, 'name') ?? ''} ${stringAt(each, 'versionInfo') ?? ''}`,
  );
  if (names[0] !== artefact)
    throw new Error(`its SBOM is about ${names[0] ?? 'nothing'}, not ${artefact}`);
  if (names.length === 1) throw new Error('its SBOM names no package that is inside');
  const related = new Set(
    listAt(document, 'relationships')
      .filter(isObject)
      .map((each) => stringAt(each, 'relatedSpdxElement')),
  );
  const loose = [...packages, ...listAt(document, 'files').filter(isObject)]
    .map((each) => stringAt(each, 'SPDXID') ?? '')
    .find((id) => !related.has(id));
  if (loose !== undefined) throw new Error(`its SBOM does not say what ${loose} belongs to`);
}

function sumOf(file: JsonObject): string | undefined {
  const sums = listAt(file, 'checksums').filter(isObject);
  const sum = sums.find(({ algorithm }) => algorithm === 'SHA256');
  return sum && stringAt(sum, 'checksumValue');
}
