/** The same question to many pods, each through the API server. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import { metadataOf, nameOf, type FactAnswer, type Subject } from '../checks/facts.ts';

/** Pods that are asked at once. */
const asked = 16;

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** By `namespace/pod`. Where one may not be asked, the others of its namespace may not either: one answer is enough. */
export async function askPods<T>(
  pods: readonly Subject[],
  ask: (pod: JsonObject, named: PodName) => Promise<FactAnswer<T>>,
): Promise<ReadonlyMap<string, FactAnswer<T>>> {
  const told = new Map<string, FactAnswer<T>>();
  const closed = new Map<string, FactAnswer<T>>();
  const left = [...pods];
  while (left.length > 0) {
    const answers = left.splice(0, asked).map(async ({ object }) => {
      const namespace = stringAt(metadataOf(object), 'namespace') ?? '';
      const name = nameOf(object);
      const answer = closed.get(namespace) ?? (await ask(object, { namespace, name }));
      if (answer.kind === 'not_asked') closed.set(namespace, answer);
      told.set(`${namespace}/${name}`, answer);
    });
    await Promise.all(answers);
  }
  return told;
}
