/**
 * Which federation relationships are ours, kept in an annotation of the Lease that the writer holds: SPIRE has no mark for
 * them, and no further object, and no further right, is needed.
 */
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ApiRefusal, type KubernetesApi } from '../../kube/kubernetes-api.ts';
import { readOne } from '../../kube/read-list.ts';
import type { RecordedRelationship } from './plan-relationships.ts';

export type RecordedRelationships = ReadonlyMap<string, RecordedRelationship>;

export interface RelationshipRecord {
  read(signal: AbortSignal): Promise<RecordedRelationships>;
  write(recorded: RecordedRelationships, signal: AbortSignal): Promise<void>;
}

const annotation = 'svidecar.dev/federation-relationships';
const conflict = 409;
/** The Lease is renewed every two seconds: a second try meets nobody. */
const tries = 3;

/** @param path of the Lease */
export function leaseRecord(api: KubernetesApi, path: string): RelationshipRecord {
  return {
    read: async (signal) => recordedIn(await readOne(api, path, signal)),
    write: async (recorded, signal) => {
      for (let left = tries; ; left -= 1) {
        const lease = await api.get(path, signal);
        try {
          await api.replace(path, withRecord(lease, recorded), signal);
          return;
        } catch (thrown) {
          const isRace = thrown instanceof ApiRefusal && thrown.status === conflict;
          if (!isRace || left === 1) throw thrown;
        }
      }
    },
  };
}

/** Without a Lease nobody has ever led. What cannot be read is nothing: then nothing is deleted. */
function recordedIn(lease: JsonObject | undefined): RecordedRelationships {
  const text = stringAt(objectAt(objectAt(lease, 'metadata'), 'annotations'), annotation);
  const recorded = new Map<string, RecordedRelationship>();
  for (const [trustDomain, value] of Object.entries(parsed(text ?? '{}'))) {
    if (!isObject(value)) continue;
    recorded.set(trustDomain, {
      bundle: stringAt(value, 'bundle') ?? '',
      hadBundle: value['hadBundle'] === true,
    });
  }
  return recorded;
}

function parsed(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    // Somebody wrote over it.
    return {};
  }
}

function withRecord(lease: JsonObject, recorded: RecordedRelationships): JsonObject {
  const metadata = objectAt(lease, 'metadata');
  const { [annotation]: _before, ...others } = objectAt(metadata, 'annotations');
  const text = JSON.stringify(Object.fromEntries(recorded));
  const annotations = recorded.size === 0 ? others : { ...others, [annotation]: text };
  return { ...lease, metadata: { ...metadata, annotations } };
}
