/** Values that a bootstrap must have, such as the node's id and cluster: added where they are lacking. */
import { own, setMember } from '#kernel/members.ts';
import { isObject, type Json, type JsonObject } from '#kernel/json.ts';
import type { Operation } from '../editing/operation.ts';
import { type ConfigFile, invalid } from './config-file.ts';
import { type Placed, fieldKey } from './proto-field.ts';

/** Something that is added to the bootstrap. */
export interface BootstrapStep {
  readonly operation: Operation;
  /** Where it is added: a JSON Pointer of what stands there. */
  readonly near: string;
  /** `node.id` */
  readonly title: string;
}

/**
 * What stands there stays, whichever its value.
 * @throws {AppError} ENVOY_CONFIG_INVALID for an empty text, which Envoy takes for none and an insertion cannot change
 */
export function bootstrapSteps(
  file: ConfigFile,
  wanted: readonly JsonObject[],
): readonly BootstrapStep[] {
  const merged = wanted.reduce<JsonObject>((all, one) => withMembers(all, one), {});
  return lacking(file, file.root, merged);
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

function lacking(file: ConfigFile, holder: Placed, wanted: JsonObject): readonly BootstrapStep[] {
  return Object.entries(wanted).flatMap(([field, value = null]): readonly BootstrapStep[] => {
    const key = fieldKey(holder.message, field);
    const present = own(holder.message, key) ?? undefined;
    const path = `${holder.path}/${key}`;
    const title = path.slice(1).replaceAll('/', '.');
    if (present === undefined) {
      return [{ operation: { op: 'add', path, value }, near: holder.path, title }];
    }
    if (isObject(value) && isObject(present)) {
      return lacking(file, { message: present, path }, value);
    }
    if (present === '' || isObject(value)) {
      const what = present === '' ? 'is empty, which Envoy takes for absent' : 'is no map';
      throw invalid(file, path, {
        reason: 'bootstrap_member_unusable',
        why: `${title} ${what}; Envoy needs it to ask for secrets: write it, or take the line out so that svidecar adds it`,
      });
    }
    return [];
  });
}
