/**
 * The engine behind the workbench: the same functions as the command line's, over texts. What it remembers is the engine of
 * the last configuration.
 */
import { AppError } from '#kernel/errors.ts';
import { runChecks, type Report } from '../checks/run-checks.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import type { Engine } from '../injection/inject.ts';
import { makeEngine } from '../injection/make-engine.ts';
import type { DecideOptions } from '../manifests/decide-all.ts';
import { differencesOf, differingTexts } from '../manifests/diff-texts.ts';
import { entriesText } from '../manifests/entries-text.ts';
import { explainRecords, explainTexts } from '../manifests/explain-texts.ts';
import { factsOfFiles, withExactLines } from '../manifests/facts-of-manifests.ts';
import { injectTexts } from '../manifests/inject-texts.ts';
import type { InputProblem } from '../manifests/input-problem.ts';
import { readManifest, type ManifestDocument } from '../manifests/manifest.ts';
import { configuredEntries, registrationsIn } from '../manifests/registrations-in.ts';
import { checkConfig, readConfig, type InjectorConfig } from '../request/injector-config.ts';
import { readTemplate } from '../templates/library.ts';
import type { Template } from '../templates/template-schema.ts';
import { asksIn, namespacesIn, offeredBy } from './asks.ts';
import { marksOf } from './marks-of.ts';
import { comparedOf, madeBy } from './shown-texts.ts';
import type {
  ToldProblem,
  WorkbenchAnswer,
  WorkbenchQuestion,
  WorkbenchResult,
} from './workbench-model.ts';

/** What it is called in messages. */
const configurationName = 'the configuration';

export interface WorkbenchParts {
  /** Texts of the built-in templates, by name. */
  readonly templates: Readonly<Record<string, string>>;
  /** svidecar's own. */
  readonly version: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** What nobody can say without a SPIRE server. */
const noSpire: ClusterFacts['spire'] = {
  kind: 'not_asked',
  reason: 'give --spire-server or --entries to see registrations',
};

export class Workbench {
  readonly #builtIn: Readonly<Record<string, Template>>;
  readonly #parts: WorkbenchParts;
  #last: { readonly key: string; readonly engine: Engine } | undefined;

  /** @throws {AppError} TEMPLATE_INVALID */
  constructor(parts: WorkbenchParts) {
    this.#parts = parts;
    this.#builtIn = Object.fromEntries(
      Object.entries(parts.templates).map(([name, text]) => [name, readTemplate(text, name)]),
    );
  }

  /** Expected failures are parts of the answer; only a bug of ours throws. */
  answer(question: WorkbenchQuestion): WorkbenchAnswer {
    try {
      const engine = this.#engineFor(question);
      return answered(question, { engine, namespace: question.namespace }, this.#parts.now());
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      const { code, message, facts } = thrown;
      return { kind: 'unusable', code, message, line: facts.line };
    }
  }

  #engineFor({ configuration, kubernetesMinor }: WorkbenchQuestion): Engine {
    const key = `${kubernetesMinor} ${configuration}`;
    if (this.#last?.key === key) return this.#last.engine;
    const config: InjectorConfig =
      configuration.trim() === ''
        ? checkConfig(undefined, 'the default configuration')
        : readConfig(configuration, configurationName);
    const { version } = this.#parts;
    const engine = makeEngine(config, this.#builtIn, { kubernetesMinor, version });
    this.#last = { key, engine };
    return engine;
  }
}

function answered(
  { files }: WorkbenchQuestion,
  options: DecideOptions,
  nowMs: number,
): WorkbenchResult {
  const { engine } = options;
  const injection = injectTexts(files, options);
  const explained = explainTexts(files, options);
  const documents = files.flatMap(readManifest);
  const report = reportOn(documents, options, nowMs);
  const entries = registrationsIn(documents, configuredEntries(engine.config), options);
  return {
    kind: 'answered',
    records: explainRecords([explained]),
    injected: injection.text,
    differences: differencesOf(injection, options),
    compared: comparedOf(differingTexts(injection, options)),
    made: madeBy(injection),
    entries: entriesText(entries.registrations, {
      as: 'commands',
      nodeAlias: [],
      className: engine.config.entries.className,
    }),
    entryProblems: entries.problems.map(told),
    report,
    problems: injection.problems.map(told),
    marks: marksOf(explained, { injection, report }),
    workloads: asksIn(documents, options),
    templates: offeredBy(engine),
    namespaces: namespacesIn(documents, options.namespace),
  };
}

function reportOn(
  documents: readonly ManifestDocument[],
  { engine, namespace }: DecideOptions,
  nowMs: number,
): Report {
  const { facts } = factsOfFiles(documents, { engine, namespace, nowMs, spire: noSpire });
  return withExactLines(runChecks(facts), documents);
}

function told({ error }: InputProblem): ToldProblem {
  return { code: error.code, message: error.message };
}
