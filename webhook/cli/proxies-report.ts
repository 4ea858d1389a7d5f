/** Certificates of Istio's proxies for people, as a table, and for programs. */
import { printable } from '#kernel/text.ts';
import type { JudgedProxy } from '../checks/proxy-certificates.ts';
import { exitCodes } from './exit-codes.ts';
import type { Paint } from './reports.ts';
import { tableOf, type Cell } from './table.ts';

const heads = ["POD WITH ISTIO'S PROXY", 'SPIFFE ID', 'FROM', 'UNTIL', 'TRUSTS'];
const issuers = { istiod: 'istiod', spire: 'SPIRE', unknown: 'cannot be judged' } as const;

export function proxiesText(judged: readonly JudgedProxy[], paint: Paint): string {
  if (judged.length === 0) return "no pod that svidecar changes has Istio's proxy\n";
  const rows = judged.map((each) => cellsOf(each).map((cell) => cell.map(printable)));
  const { head, linesOf } = tableOf(heads, rows);
  const table = rows.map((row, at) => [
    ...linesOf(row),
    ...remarksOn(judged[at], paint).map((line) => `  ${line}`),
  ]);
  return `${[paint('bold', head), ...table.flat()].join('\n')}\n`;
}

function cellsOf({ where, answer }: JudgedProxy): readonly Cell[] {
  const pod = [`${where.namespace}/${where.name}`];
  if (answer.kind !== 'known') return [pod, ['-'], ['unknown'], ['-'], ['-']];
  const { spiffeId = '-', validUntilS, issuer, trustDomains } = answer.value;
  return [
    pod,
    [spiffeId],
    [issuers[issuer.kind]],
    [validUntilS === undefined ? '-' : dateOf(validUntilS)],
    trustDomains.length > 0 ? trustDomains : ['-'],
  ];
}

function dateOf(second: number): string {
  return new Date(second * 1_000).toISOString().replace('.000Z', 'Z');
}

function remarksOn(judged: JudgedProxy | undefined, paint: Paint): readonly string[] {
  if (judged?.fault !== undefined) {
    const { message, hint } = judged.fault;
    return [`${paint('red', '✗')} ${printable(message)}`, `  → ${printable(hint)}`];
  }
  const why = judged === undefined ? undefined : unknownWhy(judged);
  return why === undefined ? [] : [`${paint('magenta', '?')} ${printable(why)}`];
}

function unknownWhy({ answer }: JudgedProxy): string | undefined {
  if (answer.kind !== 'known') return answer.reason;
  const { issuer } = answer.value;
  return issuer.kind === 'unknown' ? issuer.reason : undefined;
}

/** 1 where one is not what was asked for, 3 where one is not known. */
export function exitCodeOfProxies(judged: readonly JudgedProxy[]): number {
  if (judged.some(({ fault }) => fault !== undefined)) return exitCodes.refused;
  const isUnknown = judged.some((each) => unknownWhy(each) !== undefined);
  return isUnknown ? exitCodes.unreachable : exitCodes.ok;
}

/** docs/cli.md describes the members. */
export function jsonOfProxy({ where, answer, fault }: JudgedProxy): object {
  if (answer.kind !== 'known') return { ...where, status: answer.kind, reason: answer.reason };
  const { spiffeId, validUntilS, issuer, trustDomains } = answer.value;
  const { kind: from, ...why } = issuer;
  return {
    ...where,
    status: 'known',
    spiffeId,
    validUntil: validUntilS,
    from,
    ...why,
    trustDomains,
    fault,
  };
}
