/** The lines of the inputs that something is said about. */
import type { Report } from '../checks/run-checks.ts';
import { lineOf, lineOfKey } from '../manifests/decide-all.ts';
import type { Explained, ExplainedWorkload } from '../manifests/explain-texts.ts';
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import type { LineMark } from './workbench-model.ts';

/** A mark, and the full key that should be changed. */
interface KeyedMark {
  readonly mark: LineMark;
  readonly key: string | undefined;
}

/** Each once. */
export function marksOf(
  { outcomes, foreign }: Explained,
  { injection, report }: { readonly injection: InjectedTexts; readonly report: Report },
): readonly LineMark[] {
  const findings = findingMarks(report);
  const found = new Set(findings.map(placeOf));
  const marks: readonly LineMark[] = [
    ...faultsOf(injection),
    // What a check has found there as well, it says with what to do.
    ...outcomes.flatMap(decisionMarks).flatMap((each) => (isSaid(each, found) ? [] : [each.mark])),
    ...foreign.flatMap(({ document, object, steps }) =>
      steps.map(({ message }): LineMark => {
        return { file: document.source.name, line: object.line, severity: 'warning', message };
      }),
    ),
    ...findings.map(({ mark }) => mark),
  ];
  const once = new Map(marks.map((mark) => [`${mark.file} ${mark.line} ${mark.message}`, mark]));
  return [...once.values()];
}

function placeOf({ mark, key = '' }: KeyedMark): string {
  return `${mark.line} ${key} ${mark.file}`;
}

/** A refusal without a key is found at its object, as other things are: it is no loss to say them once. */
function isSaid(each: KeyedMark, found: ReadonlySet<string>): boolean {
  const isTellable = each.key !== undefined || each.mark.severity === 'error';
  return isTellable && found.has(placeOf(each));
}

/** Documents that cannot be read, or not be edited. */
function faultsOf({ documents }: InjectedTexts): readonly LineMark[] {
  return documents.flatMap(({ document, problems }) =>
    problems.map(({ error }): LineMark => {
      const { file, line } = error.facts;
      const isHere = file === document.source.name && line !== undefined;
      return {
        file: document.source.name,
        line: isHere ? line : document.firstLine,
        severity: 'error',
        message: error.message,
      };
    }),
  );
}

function decisionMarks(outcome: ExplainedWorkload): readonly KeyedMark[] {
  const { decision, document, object } = outcome;
  const file = document.source.name;
  if (decision.kind === 'refused') {
    const line = lineOf({ ...outcome, decision });
    const mark: LineMark = { file, line, severity: 'error', message: decision.why };
    return [{ mark, key: decision.facts.key }];
  }
  return decision.steps
    .filter(({ level }) => level === 'warning')
    .map(({ key, message }) => {
      const line = lineOfKey(key, document, object);
      return { mark: { file, line, severity: 'warning', message }, key };
    });
}

function findingMarks({ checks }: Report): readonly KeyedMark[] {
  return checks.flatMap(({ findings }) =>
    findings.flatMap(({ severity, where, message, hint, key }): readonly KeyedMark[] => {
      if (where?.file === undefined || where.line === undefined) return [];
      const { file, line } = where;
      return [{ mark: { file, line, severity, message: `${message}; ${hint}` }, key }];
    }),
  );
}
