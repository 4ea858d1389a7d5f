/** The statement of where the files of a release come from, as it is written and read. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { isInput, type Input } from './inputs.ts';
import { provenanceFile } from './listed-files.ts';
import { versionForm } from './own-version.ts';

export interface Origin {
  readonly version: string;
  /** Of the tree. */
  readonly commit: string;
  /** Before the images' names; may be empty. */
  readonly registry: string;
}

interface Made extends Origin {
  readonly inputs: readonly Input[];
}

const ours = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  buildType: 'urn:svidecar:release:v1',
  builder: 'urn:svidecar:scripts/release',
  repository: 'urn:svidecar:repository',
} as const;

/**
 * Without a time, so that the same tree gives the same bytes.
 * @see https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
 */
export function provenance(sums: ReadonlyMap<string, string>, made: Made): string {
  const { version, commit, registry, inputs } = made;
  const statement = {
    _type: ours._type,
    subject: [...sums].map(([name, sum]) => ({ name, digest: { sha256: sum } })),
    predicateType: ours.predicateType,
    predicate: {
      buildDefinition: {
        buildType: ours.buildType,
        externalParameters: { version, registry },
        resolvedDependencies: [{ uri: ours.repository, digest: { gitCommit: commit } }, ...inputs],
      },
      runDetails: { builder: { id: ours.builder } },
    },
  };
  return `${JSON.stringify(statement, undefined, 1)}\n`;
}

/** Whether a statement of any version says that it was made here. @throws {SyntaxError} where it is no JSON */
export function isMadeHere(text: string): boolean {
  const statement: unknown = JSON.parse(text);
  return stringAt(builderIn(isObject(statement) ? statement : {}), 'id') === ours.builder;
}

function builderIn(statement: JsonObject): JsonObject {
  return objectAt(objectAt(objectAt(statement, 'predicate'), 'runDetails'), 'builder');
}

export interface Statement extends Origin {
  /** Name → SHA-256 of what it is about. */
  readonly subjects: ReadonlyMap<string, string>;
  readonly inputs: readonly Input[];
}

/** @throws {Error} where it is no statement, or not of the form that a release's has */
export function readProvenance(text: string): Statement {
  const statement = statementIn(text);
  const definition = objectAt(objectAt(statement, 'predicate'), 'buildDefinition');
  const { _type, predicateType, buildType } = ours;
  demand(statement, { _type, predicateType });
  demand(definition, { buildType });
  demand(builderIn(statement), { id: ours.builder });
  const asked = objectAt(definition, 'externalParameters');
  const found = {
    subjects: subjectsOf(statement),
    version: textIn(asked, 'version', versionForm),
    registry: textIn(asked, 'registry', registryForm),
    commit: commitOf(definition),
    inputs: inputsOf(definition),
  };
  // Whatever else it says: the same member twice, or one that a reader of statements goes by and we do not.
  if (provenance(found.subjects, found) !== text)
    throw new Error(`${provenanceFile} is not written as that of a release`);
  return found;
}

const registryForm = /^[a-zA-Z0-9._:/[\]-]*$/;

function inputsOf(definition: JsonObject): readonly Input[] {
  const all = listAt(definition, 'resolvedDependencies').filter(isObject);
  const stated = all
    .filter(({ uri }) => uri !== ours.repository)
    .map((each): Input => {
      const sha256 = stringAt(objectAt(each, 'digest'), 'sha256');
      const uri = stringAt(each, 'uri') ?? '';
      return sha256 === undefined ? { uri } : { uri, digest: { sha256 } };
    });
  const uris = stated.map(({ uri }) => uri);
  const other = stated.find((each, nth) => !isInput(each) || uris.indexOf(each.uri) !== nth);
  if (other === undefined) return stated;
  throw new Error(
    `${provenanceFile} states ${other.uri}, of which no release is made, or states it twice`,
  );
}

function demand(object: JsonObject, wanted: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(wanted))
    if (own(object, key) !== value)
      throw new Error(
        `${provenanceFile} is not of a release: its ${key} is ${JSON.stringify(own(object, key))}, not ${value}`,
      );
}

function textIn(object: JsonObject, key: string, form: RegExp): string {
  const text = stringAt(object, key);
  if (text === undefined || !form.test(text))
    throw new Error(
      `${provenanceFile} is not of a release: it states no ${key}, or none of its form`,
    );
  return text;
}

function commitOf(definition: JsonObject): string {
  const found = listAt(definition, 'resolvedDependencies')
    .filter(isObject)
    .filter(({ uri }) => uri === ours.repository);
  const [tree = {}, ...others] = found;
  if (others.length > 0) throw new Error(`${provenanceFile} states more than one tree`);
  // SHA-1, or SHA-256 where the repository is kept by that.
  return textIn(objectAt(tree, 'digest'), 'gitCommit', /^([0-9a-f]{40}|[0-9a-f]{64})$/);
}

function subjectsOf(statement: JsonObject): ReadonlyMap<string, string> {
  const subjects = new Map<string, string>();
  for (const subject of listAt(statement, 'subject').map((each) => (isObject(each) ? each : {}))) {
    const name = stringAt(subject, 'name') ?? '';
    if (subjects.has(name)) throw new Error(`${provenanceFile} is twice about ${name}`);
    subjects.set(name, stringAt(objectAt(subject, 'digest'), 'sha256') ?? '');
  }
  return subjects;
}

function statementIn(text: string): JsonObject {
  try {
    const statement: unknown = JSON.parse(text);
    if (isObject(statement) && Array.isArray(statement['subject'])) return statement;
  } catch {
    // Said below.
  }
  throw new Error(`${provenanceFile} is no in-toto statement`);
}
