/** A report of checks for people, and for programs. */
import { jsonText, printable } from '#kernel/text.ts';
import type { Finding } from '../checks/check-contract.ts';
import type { Where } from '../checks/facts.ts';
import type { CheckResult, Report, CheckStatus } from '../checks/run-checks.ts';
import { exitCodes } from './exit-codes.ts';
import type { Paint, Style } from './reports.ts';

/** Of the longest id, so that claims are aligned. */
const idWidth = 'webhook_certificate'.length + 1;
/** Findings of one check that people are shown; programs get all. */
const shownFindings = 20;

const marks: Readonly<Record<CheckStatus, readonly [mark: string, style: Style]>> = {
  ok: ['ok', 'green'],
  warning: ['warn', 'yellow'],
  error: ['error', 'red'],
  unknown: ['unknown', 'magenta'],
  skipped: ['skipped', 'dim'],
};

export interface Shown {
  readonly paint: Paint;
  /** Leaves out what is well, or was not checked. */
  readonly isQuiet: boolean;
  /** Sentences about rights, which are told once and elsewhere. */
  readonly denied?: ReadonlySet<string>;
}

/** Where a section of docs/check.md begins. */
function anchorOf({ id }: CheckResult): string {
  return `docs/check.md#${id}`;
}

export function textReport(report: Report, shown: Shown): string {
  const results = shown.isQuiet
    ? report.checks.filter(({ status }) => isWorthTelling(status))
    : report.checks;
  const categories = [...new Set(results.map(({ category }) => category))];
  const sections = categories.map((category) => {
    const lines = results
      .filter((result) => result.category === category)
      .flatMap((result) => linesOf(result, shown));
    return `${shown.paint('bold', category)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  });
  return sections.join('\n');
}

function isWorthTelling(status: CheckStatus): boolean {
  return status !== 'ok' && status !== 'skipped';
}

const toldOnce = 'you lack rights for it: what gives them is told once, at the end';

function reasonsOf({ reasons }: CheckResult, denied: Shown['denied']): readonly string[] {
  const others = reasons.filter((reason) => denied?.has(reason) !== true);
  return others.length === reasons.length ? reasons : [...others, toldOnce];
}

function linesOf(result: CheckResult, { paint, denied }: Shown): readonly string[] {
  const [mark, style] = marks[result.status];
  const head = `${paint(style, mark.padEnd(7))} ${paint('cyan', result.id.padEnd(idWidth))}  ${result.claim}`;
  const reasons = reasonsOf(result, denied).map(
    (reason) => `        ${paint('dim', '·')} ${printable(reason)}`,
  );
  if (result.findings.length === 0) return [head, ...reasons];
  const findings = result.findings
    .slice(0, shownFindings)
    .flatMap((finding) => findingLines(finding, paint));
  const more = result.findings.length - shownFindings;
  return [
    head,
    ...findings,
    ...(more > 0 ? [`        … and ${more} more: -o json has them all`] : []),
    ...reasons,
    `        ${paint('dim', `why: ${result.why}`)}`,
    `        ${paint('dim', `see: ${anchorOf(result)}`)}`,
  ];
}

function findingLines({ severity, where, message, hint }: Finding, paint: Paint): string[] {
  const place = where === undefined ? '' : `${paint('bold', printable(placeOf(where)))}: `;
  const mark = severity === 'error' ? paint('red', '✗') : paint('yellow', '!');
  return [`        ${mark} ${place}${printable(message)}`, `          → ${printable(hint)}`];
}

/** `file:line: Kind namespace/name` */
function placeOf({ file, line, kind, namespace, name }: Where): string {
  const object = `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
  return file === undefined ? object : `${file}:${line ?? 1}: ${object}`;
}

interface Summary {
  readonly ok: number;
  readonly warning: number;
  readonly error: number;
  readonly unknown: number;
  readonly skipped: number;
}

function summaryOf(report: Report): Summary {
  const count = (status: CheckStatus): number =>
    report.checks.filter((result) => result.status === status).length;
  const ok = count('ok');
  const warning = count('warning');
  const error = count('error');
  return { ok, warning, error, unknown: count('unknown'), skipped: count('skipped') };
}

/** One line: how many checks ended how. */
export function summaryLine(report: Report): string {
  const { ok, warning, error, unknown, skipped } = summaryOf(report);
  return `${report.checks.length} checks, ${report.examined} workloads and pods: ${ok} ok, ${warning} with warnings, ${error} with errors, ${unknown} could not be made, ${skipped} had nothing to look at`;
}

/** docs/check.md describes the members. */
export function jsonReport(report: Report, target: string): string {
  const { examined } = report;
  const checks = report.checks.map((result) => ({ ...result, docs: anchorOf(result) }));
  return jsonText({ target, examined, summary: summaryOf(report), checks });
}

/** The worst of what was found; what could not be checked counts only where nothing was found. */
export function exitCodeOfReport(report: Report): number {
  const has = (status: CheckStatus): boolean =>
    report.checks.some((result) => result.status === status);
  if (has('error')) return exitCodes.refused;
  if (has('warning')) return exitCodes.warned;
  return has('unknown') ? exitCodes.unreachable : exitCodes.ok;
}
