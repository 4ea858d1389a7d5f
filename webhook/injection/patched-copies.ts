/** Patched copies of Envoy configurations, each made once for its source's contents and its plan, however many ask for it. */
import { LRUCache } from 'lru-cache';
import { AppError } from '#kernel/errors.ts';
import type { Library } from '../templates/library.ts';
import { digestOf, type ConfigMapContents } from './config-map-contents.ts';
import { patchPlanned, type PlannedPatch } from './envoy-plan.ts';
import { envoyFilterPlanned } from './istio-filter.ts';
import { ownSource } from './own-envoy.ts';
import { planText } from './plan-name.ts';
import { contentHash } from './hash.ts';
import { hasSource, type EnvoyPlan } from './status.ts';

/** The report on a copy. While it is cached, the same input gives the same object. */
export type ToldPatch = Pick<PlannedPatch, 'warnings' | 'changes' | 'inbound'>;

type Contents = Omit<PlannedPatch, keyof ToldPatch>;

/** The replicas of one rollout ask the same question. An entry holds no file text. */
const rememberedTold = 500;
/**
 * Characters of patched texts, which the controller writes soon after admission has asked: two ConfigMaps of the largest
 * size, or some hundred of usual ones.
 */
const rememberedChars = 2 * 1_048_576;

interface Question {
  readonly namespace: string;
  readonly plan: EnvoyPlan;
  readonly source: ConfigMapContents;
}

/** Those of one library. */
export class PatchedCopies {
  readonly #library: Library;
  readonly #told = new LRUCache<string, ToldPatch | AppError>({ max: rememberedTold });
  readonly #contents = new LRUCache<string, Contents>({
    maxSize: rememberedChars,
    sizeCalculation: charsOf,
  });
  /** The holder of a source returns the same object until it changes. */
  readonly #digests = new WeakMap<ConfigMapContents, string>();

  constructor(library: Library) {
    this.#library = library;
  }

  /**
   * What would be added, and what would stay open. A refusal is cached as well.
   * @throws {AppError} ENVOY_CONFIG_INVALID, LISTENERS_AMBIGUOUS with file, line and column
   */
  told(question: Question): ToldPatch {
    const key = this.#keyOf(question);
    return this.#knownTold(key) ?? this.#make(key, question).told;
  }

  /** The copy itself: its texts are rendered again where they are no longer cached. @throws as {@link told} */
  patch(question: Question): PlannedPatch {
    const key = this.#keyOf(question);
    const told = this.#knownTold(key);
    const contents = this.#contents.get(key);
    if (told !== undefined && contents !== undefined) return { ...told, ...contents };
    const made = this.#make(key, question);
    return { ...made.told, ...made.contents };
  }

  #knownTold(key: string): ToldPatch | undefined {
    const known = this.#told.get(key);
    if (known instanceof AppError) throw known;
    return known;
  }

  #make(
    key: string,
    { namespace, plan, source }: Question,
  ): { readonly told: ToldPatch; readonly contents: Contents } {
    try {
      const library = this.#library;
      const made =
        plan.istio === undefined
          ? patchPlanned(namespace, plan, { ...(ownSource(plan) ?? source), library })
          : envoyFilterPlanned(plan, plan.istio, library);
      const { data, binaryData, envoyFilter, ...told } = made;
      const contents = { data, binaryData, envoyFilter };
      this.#told.set(key, told);
      this.#contents.set(key, contents);
      return { told, contents };
    } catch (thrown) {
      if (thrown instanceof AppError) this.#told.set(key, thrown);
      throw thrown;
    }
  }

  /** A name of a version before 0.1.0 does not tell two plans apart, so it takes the whole plan. */
  #keyOf({ namespace, plan, source }: Question): string {
    // All that such a configuration is made from is in the plan.
    let digest = hasSource(plan) ? this.#digests.get(source) : '';
    if (digest === undefined) {
      digest = digestOf(source.data, source.binaryData);
      this.#digests.set(source, digest);
    }
    return `${namespace}/${contentHash(planText(plan))}@${digest}/${plan.version ?? ''}`;
  }
}

function charsOf({ data, binaryData }: Contents): number {
  const texts = [...Object.values(data), ...Object.values(binaryData)];
  return texts.reduce((sum, text) => sum + text.length, 1);
}
