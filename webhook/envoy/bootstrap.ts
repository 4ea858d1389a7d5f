/** Values that a bootstrap must have, such as the node's id and cluster: added where they are missing. */
import { own, setMember } from '#kernel/members.ts';
import { isObject, type Json, type JsonObject } from '#kernel/json.ts';
import type { Operation } from '../editing/operation.ts';
import { type ConfigFile, invalid } from './config-file.ts';
import type { BootstrapAddition } from './patch-contract.ts';
import { type Placed, fieldKey } from './proto-field.ts';

/** Something that is added to the bootstrap. */
export interface BootstrapStep {
  readonly operation: Operation;
  /** Where it is added: the JSON Pointer of the existing parent. */
  readonly near: string;
  /** `node.id` */
  readonly title: string;
  /** Why, by those who want it, as a clause that continues the title; may be empty. */
  readonly reason: string;
}

/**
 * Existing values stay, whatever they are.
 * @throws {AppError} ENVOY_CONFIG_INVALID for an empty string, which Envoy treats as absent and an insertion cannot change
 */
export function bootstrapSteps(
  file: ConfigFile,
  wanted: readonly BootstrapAddition[],
): readonly BootstrapStep[] {
  const merged = wanted.reduce<JsonObject>((all, one) => withMembers(all, one.values), {});
  return lacking({ file, wanted }, { holder: file.root, fields: [] }, merged);
}

/** The reasons of those who want something at a place. */
function reasonFor(wanted: readonly BootstrapAddition[], fields: readonly string[]): string {
  const reasons = wanted
    .filter(({ values }) => hasField(values, fields))
    .flatMap(({ reason }) => reason ?? []);
  return [...new Set(reasons)].join(' and ');
}

function hasField(values: Json, fields: readonly string[]): boolean {
  const [field, ...rest] = fields;
  if (field === undefined) return true;
  const value = isObject(values) ? own(values, field) : undefined;
  return value !== undefined && hasField(value, rest);
}

function withMembers(all: JsonObject, more: JsonObject): JsonObject {
  const result: Record<string, Json | undefined> = { ...all };
  for (const [key, value] of Object.entries(more)) {
    const present = own(result, key);
    setMember(
      result,
      key,
      isObject(present) && isObject(value) ? withMembers(present, value) : value,
    );
  }
  return result;
}

interface BootstrapWish {
  readonly file: ConfigFile;
  readonly wanted: readonly BootstrapAddition[];
}

function lacking(
  wish: BootstrapWish,
  at: { readonly holder: Placed; readonly fields: readonly string[] },
  values: JsonObject,
): readonly BootstrapStep[] {
  const { holder } = at;
  return Object.entries(values).flatMap(([field, value = null]): readonly BootstrapStep[] => {
    const fields = [...at.fields, field];
    const key = fieldKey(holder.message, field);
    const present = own(holder.message, key) ?? undefined;
    const path = `${holder.path}/${key}`;
    const title = path.slice(1).replaceAll('/', '.');
    const reason = reasonFor(wish.wanted, fields);
    if (present === undefined) {
      return [{ operation: { op: 'add', path, value }, near: holder.path, title, reason }];
    }
    if (isObject(value) && isObject(present)) {
      return lacking(wish, { holder: { message: present, path }, fields }, value);
    }
    if (present === '' || isObject(value)) {
      const what = present === '' ? 'is empty, which Envoy treats as absent' : 'is not a map';
      const why = reason === '' ? 'a template wants a value there' : `it is a field ${reason}`;
      throw invalid(wish.file, path, {
        reason: 'bootstrap_member_unusable',
        why: `${title} ${what}, and ${why}: write it, or remove the line so that svidecar adds it`,
      });
    }
    return [];
  });
}
