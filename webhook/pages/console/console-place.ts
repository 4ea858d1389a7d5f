/** Where in the console somebody is, as the fragment of its address: links, the back button and bookmarks (pure). */

import type { CoverageStatus } from '../../console/console-model.ts';

export const coverageSorts = ['trouble', 'share', 'name', 'size'] as const;
export type CoverageSort = (typeof coverageSorts)[number];

/** In the order of bars and lists: what needs somebody comes first. */
export const coverageStatuses = [
  'refused',
  'missing',
  'stale',
  'unknown',
  'injected',
  'left_alone',
  'not_asked',
] as const satisfies readonly CoverageStatus[];

/** What of the coverage is shown; empty strings choose everything. */
export interface CoverageChoice {
  /** Words, all of which stand in the namespace, kind or name. */
  readonly words: string;
  readonly status: CoverageStatus | '';
  readonly sort: CoverageSort;
  /** The namespace that is open, or empty. */
  readonly open: string;
}

export const workloadParts = ['story', 'changes', 'helper', 'pods', 'undo'] as const;
export type WorkloadPart = (typeof workloadParts)[number];

/** Pages without a choice of their own. */
const plainPages = ['doctor', 'certificates', 'bans'] as const;
export type PlainPage = (typeof plainPages)[number];

export type ConsolePlace =
  | { readonly page: 'coverage'; readonly choice: CoverageChoice }
  | {
      readonly page: 'workload';
      readonly namespace: string;
      readonly kind: string;
      readonly name: string;
      readonly part: WorkloadPart;
    }
  /** `about`: words that a caller or callee must have, or empty. */
  | { readonly page: 'identities'; readonly about: string }
  | { readonly page: PlainPage };

export type ConsoleWorkloadPlace = Extract<ConsolePlace, { readonly page: 'workload' }>;

export const wholeCoverage: CoverageChoice = { words: '', status: '', sort: 'trouble', open: '' };

/** @param fragment with or without its `#`; what means nothing is the coverage */
export function placeOf(fragment: string): ConsolePlace {
  const [path = '', search = ''] = fragment.replace(/^#/, '').split('?', 2);
  const [, page = '', ...names] = path.split('/').map(decoded);
  const given = new URLSearchParams(search);
  const plain = plainPages.find((each) => each === page);
  if (plain !== undefined) return { page: plain };
  if (page === 'identities') return { page, about: given.get('about') ?? '' };
  const workload = page === 'workload' ? workloadOf(names, given.get('part')) : undefined;
  return workload ?? { page: 'coverage', choice: choiceOf(given) };
}

function workloadOf(
  names: readonly string[],
  part: string | null,
): ConsoleWorkloadPlace | undefined {
  const [namespace, kind, name] = names;
  if (namespace === undefined || kind === undefined || name === undefined) return undefined;
  if ([namespace, kind, name].some(isNoName)) return undefined;
  return { page: 'workload', namespace, kind, name, part: oneOf(workloadParts, part) };
}

/** In a path a browser takes them for folders: the page would ask for something else than a workload. */
function isNoName(text: string): boolean {
  return text === '' || text === '.' || text === '..';
}

function choiceOf(given: URLSearchParams): CoverageChoice {
  return {
    words: given.get('words') ?? '',
    status: coverageStatuses.find((each) => each === given.get('status')) ?? '',
    sort: oneOf(coverageSorts, given.get('sort') ?? wholeCoverage.sort),
    open: given.get('open') ?? '',
  };
}

/** The first where none fits. */
function oneOf<Name extends string>(names: readonly [Name, ...Name[]], given: string | null): Name {
  return names.find((each) => each === given) ?? names[0];
}

/** A fragment of strangers may have broken escapes. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not a name of ours then; shown as it stands.
    return part;
  }
}

const plainChoice: Choices = new Map(Object.entries(wholeCoverage));
const plainPart: Choices = new Map([['part', workloadParts[0]]]);
const nobody: Choices = new Map([['about', '']]);

/** The inverse: `#/workload/shop/Deployment/frontend?part=changes`. */
export function fragmentOf(place: ConsolePlace): string {
  switch (place.page) {
    case 'coverage':
      return withChoice('#/coverage', new Map(Object.entries(place.choice)), plainChoice);
    case 'workload': {
      const names = [place.namespace, place.kind, place.name].map(encodeURIComponent).join('/');
      return withChoice(`#/workload/${names}`, new Map([['part', place.part]]), plainPart);
    }
    case 'identities':
      return withChoice('#/identities', new Map([['about', place.about]]), nobody);
    case 'doctor':
    case 'certificates':
    case 'bans':
      return `#/${place.page}`;
    default:
      return place satisfies never;
  }
}

type Choices = ReadonlyMap<string, string>;

/** Only what differs from what is chosen without it. */
function withChoice(path: string, chosen: Choices, plain: Choices): string {
  const told = [...chosen].filter(([key, value]) => plain.get(key) !== value);
  return told.length === 0 ? path : `${path}?${new URLSearchParams(told).toString()}`;
}
