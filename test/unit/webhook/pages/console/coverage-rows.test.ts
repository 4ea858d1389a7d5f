import { describe, expect, test } from 'vitest';
import type {
  CoverageStatus,
  NamespaceRow,
  WorkloadRow,
} from '../../../../../webhook/console/console-model.ts';
import {
  wholeCoverage,
  type CoverageChoice,
} from '../../../../../webhook/pages/console/console-place.ts';
import { coverageList } from '../../../../../webhook/pages/console/coverage-rows.ts';
import { namespaceRow, workloadRow } from '../../../../fakes/console-facts.ts';

function rowOf(namespace: string, name: string, status: CoverageStatus): WorkloadRow {
  const id = `${namespace}/Deployment/${name}`;
  return { ...workloadRow(0, namespace), id, kind: 'Deployment', name, status };
}

const rows = [
  rowOf('calm', 'a', 'injected'),
  rowOf('calm', 'b', 'not_asked'),
  rowOf('worst', 'c', 'refused'),
  rowOf('worst', 'd', 'missing'),
  rowOf('worst', 'e', 'injected'),
  rowOf('half', 'f', 'stale'),
  rowOf('half', 'g', 'injected'),
  rowOf('half', 'h', 'injected'),
  rowOf('half', 'i', 'injected'),
];
const known = {
  namespaces: new Map<string, NamespaceRow>(
    ['calm', 'worst', 'half', 'empty'].map((name) => [name, namespaceRow(name, [])]),
  ),
  workloads: new Map(rows.map((row) => [row.id, row])),
};

function idsOf(choice: Partial<CoverageChoice>): readonly string[] {
  return coverageList(known, { ...wholeCoverage, ...choice }).rows.map(({ id }) => id);
}

describe('the rows of the coverage', () => {
  test.each([
    ['trouble', ['worst', 'half', 'calm', 'empty']],
    ['share', ['worst', 'half', 'calm', 'empty']],
    ['name', ['calm', 'empty', 'half', 'worst']],
    ['size', ['half', 'worst', 'calm', 'empty']],
  ] as const)('sorted by %s', (sort, names) => {
    expect(idsOf({ sort })).toEqual(names);
  });

  test('an open namespace shows what needs somebody first', () => {
    expect(idsOf({ open: 'worst' }).slice(0, 4)).toEqual([
      'worst',
      'worst/Deployment/c',
      'worst/Deployment/d',
      'worst/Deployment/e',
    ]);
  });

  test('a status chooses workloads, and opens their namespaces', () => {
    expect(idsOf({ status: 'stale' })).toEqual(['half', 'half/Deployment/f']);
  });

  test('words may be in any part of the name, in any order and case', () => {
    expect(idsOf({ words: 'DEPLOY wor /c' })).toEqual(['worst', 'worst/Deployment/c']);
    expect(idsOf({ words: 'empty' })).toEqual(['empty']);
  });

  test('counts are of what fits the words, whatever status is chosen', () => {
    const { counts, shown } = coverageList(known, {
      ...wholeCoverage,
      words: 'half',
      status: 'stale',
    });
    expect([counts.stale, counts.injected, counts.refused, shown]).toEqual([1, 3, 0, 1]);
  });

  test('workloads are there where namespaces may not be read', () => {
    const list = coverageList({ ...known, namespaces: new Map() }, wholeCoverage);
    expect(list.rows.map(({ id }) => id)).toEqual(['worst', 'half', 'calm']);
    expect(list.rows[0]).toMatchObject({ namespace: { label: 'unknown' }, total: 3 });
  });
});
