/** Containers that svidecar added, and that somebody has changed since: the status does not tell, so they are made anew and compared. */
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { covers } from '../injection/keyed.ts';
import { isFilledIn } from '../objects/filled-in.ts';
import type { Assessed } from './assess.ts';

export interface EditedContainer {
  readonly name: string;
  /** Names of fields at fault, sorted. */
  readonly fields: readonly string[];
}

/** What the API server puts into every container. */
const usual: ReadonlySet<string> = new Set([
  'imagePullPolicy',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'resources',
]);
const sections = ['containers', 'initContainers'] as const;

/** Only for what today's configuration would leave as it is. Cost: one more injection. */
export function editedContainers(each: Assessed): readonly EditedContainer[] {
  if (!each.isInjected || each.decision.kind !== 'unchanged') return [];
  const anew = each.anew();
  if (anew === undefined) return [];
  const spec = objectAt(each.located.template, 'spec');
  return sections.flatMap((section) => {
    const stored = byName(spec, section);
    const others = byName(anew.original, section);
    return [...byName(anew.spec, section)].flatMap(([name, wanted]) => {
      const have = stored.get(name);
      if (have === undefined || others.has(name)) return [];
      const fields = changedFields(have, wanted);
      return fields.length === 0 ? [] : [{ name, fields }];
    });
  });
}

function byName(spec: JsonObject, section: string): ReadonlyMap<string, JsonObject> {
  const containers = listAt(spec, section).filter(isObject);
  return new Map(containers.map((each) => [stringAt(each, 'name') ?? '', each]));
}

function changedFields(have: JsonObject, wanted: JsonObject): readonly string[] {
  const keys = new Set([...Object.keys(have), ...Object.keys(wanted)]);
  return [...keys].filter((key) => isChanged(key, own(have, key), own(wanted, key))).sort();
}

function isChanged(key: string, have: Json | undefined, wanted: Json | undefined): boolean {
  if (have === undefined) return wanted !== undefined;
  if (wanted === undefined) return !usual.has(key) && !isFilledIn(key, have, have);
  return !covers({ [key]: have }, { [key]: wanted });
}
