/** The lines of the inputs that something is said about. */
import type { Report } from '../checks/run-checks.ts';
import { lineOf, lineOfKey } from '../manifests/decide-all.ts';
import type { Explained, ExplainedWorkload } from '../manifests/explain-texts.ts';
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import type { LineMark } from './workbench-model.ts';

/** Each once, by file and line. */
export function marksOf(
  { outcomes, foreign }: Explained,
  { injection, report }: { readonly injection: InjectedTexts; readonly report: Report },
): readonly LineMark[] {
  const marks: readonly LineMark[] = [
    ...faultsOf(injection),
    ...outcomes.flatMap(decisionMarks),
    ...foreign.flatMap(({ document, object, steps }) =>
      steps.map(({ message }): LineMark => {
        return { file: document.source.name, line: object.line, severity: 'warning', message };
      }),
    ),
    ...findingMarks(report),
  ];
  const once = new Map(marks.map((mark) => [`${mark.file} ${mark.line} ${mark.message}`, mark]));
  return [...once.values()];
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

function decisionMarks(outcome: ExplainedWorkload): readonly LineMark[] {
  const { decision, document, object } = outcome;
  const file = document.source.name;
  if (decision.kind === 'refused')
    return [
      { file, line: lineOf({ ...outcome, decision }), severity: 'error', message: decision.why },
    ];
  return decision.steps
    .filter(({ level }) => level === 'warning')
    .map(({ key, message }) => {
      const line = lineOfKey(key, document, object);
      return { file, line, severity: 'warning', message };
    });
}

function findingMarks({ checks }: Report): readonly LineMark[] {
  return checks.flatMap(({ findings }) =>
    findings.flatMap(({ severity, where, message, hint }): readonly LineMark[] => {
      if (where?.file === undefined || where.line === undefined) return [];
      const { file, line } = where;
      return [{ file, line, severity, message: `${message}; ${hint}` }];
    }),
  );
}
