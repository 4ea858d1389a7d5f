/** The injector's configuration in the cluster, and the engine that it makes: looked at again and again. */
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '#kernel/errors.ts';
import type { ReadConfigMap } from '../admission/check-envoy.ts';
import type { ClusterStanding } from '../console/console-model.ts';
import { subjectsOf } from '../checks/facts.ts';
import { installedRevisions, type InstalledRevisions } from '../checks/installed-revisions.ts';
import type { RevisionsInForce } from '../console/judge-by-revision.ts';
import type { JudgeContext } from '../console/judge-workload.ts';
import type { Engine } from '../injection/inject.ts';
import { RightsApi, type AccessRight } from '../kube/denied-rights.ts';
import { surveyConfiguration, type SurveyedConfiguration } from '../survey/survey.ts';
import { surveyOptions, type SurveySource } from './survey-options.ts';

export interface ConfigurationSource extends SurveySource {
  /** What the decisions are made by where a file was given. */
  readonly configFile: string | undefined;
}

/** Milliseconds between looks: five small requests. */
const everyMs = 15_000;
/** Milliseconds until the next one where nobody answered. */
const againMs = 1_000;
/** Milliseconds for one look. */
const lookMs = 20_000;

export class ConfigurationInForce {
  readonly #source: ConfigurationSource;
  readonly #changed: (isFirst: boolean) => void;
  #surveyed: SurveyedConfiguration | undefined;
  #key = '';
  /** Why the last look failed. */
  #fault: string | undefined;
  #denied: readonly AccessRight[] = [];
  #pause = new AbortController();

  /** @param changed is told of the first configuration, and of each other one */
  constructor(source: ConfigurationSource, changed: (isFirst: boolean) => void) {
    this.#source = source;
    this.#changed = changed;
  }

  /** Until `signal` aborts. */
  start(signal: AbortSignal): void {
    void this.#follow(signal);
  }

  /** Looks soon: something it depends on has changed. */
  look(): void {
    this.#pause.abort();
  }

  get engine(): Engine | undefined {
    return this.#surveyed?.engine;
  }

  /** The right to read it, where the last look lacked that. */
  get denied(): readonly AccessRight[] {
    return this.#denied;
  }

  /** Undefined where hooks are not known. */
  get installed(): InstalledRevisions | undefined {
    const hooks = this.#surveyed?.hooks;
    return hooks?.kind === 'known' ? installedRevisions(subjectsOf(hooks)) : undefined;
  }

  /** Undefined until it is known. */
  judge(
    configMap: ReadConfigMap,
    ofNamespace: RevisionsInForce['ofNamespace'],
  ): JudgeContext | undefined {
    if (this.#surveyed === undefined) return undefined;
    const { engine, ownNamespace, hooks } = this.#surveyed;
    const installed = installedRevisions(subjectsOf(hooks));
    return { engine, ownNamespace, configMap, revisions: { installed, ofNamespace } };
  }

  /** Such as `1.36`. */
  get kubernetes(): string | undefined {
    const version = this.#surveyed?.serverVersion;
    return version?.kind === 'known' ? `${version.value.major}.${version.value.minor}` : undefined;
  }

  get told(): ClusterStanding['configuration'] {
    const { words, fault = this.#fault } = this.#standing();
    return fault === undefined ? { words } : { words, fault };
  }

  #standing(): ClusterStanding['configuration'] {
    const { configFile } = this.#source;
    if (configFile !== undefined) return { words: configFile };
    const configuration = this.#surveyed?.configuration;
    if (configuration === undefined) return { words: 'not known yet' };
    if (configuration.kind !== 'known')
      return this.#isElsewhere
        ? { words: 'built-in defaults, as svidecar is not installed' }
        : { words: 'built-in defaults', fault: configuration.reason };
    const { where, fault } = configuration.value;
    const words = `${where.kind} ${where.namespace}/${where.name}`;
    return fault === undefined ? { words } : { words, fault };
  }

  /** Without hooks nobody decides by a configuration here. */
  get #isElsewhere(): boolean {
    const hooks = this.#surveyed?.hooks;
    return hooks?.kind === 'known' && hooks.subjects.length === 0;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#pause = new AbortController();
      const isDone = await this.#read(signal);
      const end = AbortSignal.any([signal, this.#pause.signal]);
      await wait(isDone ? everyMs : againMs, undefined, { signal: end, ref: false }).catch(
        () => undefined,
      );
    }
  }

  async #read(signal: AbortSignal): Promise<boolean> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(lookMs)]);
    const api = new RightsApi(this.#source.api);
    try {
      const surveyed = await surveyConfiguration(surveyOptions({ ...this.#source, api }, limit));
      this.#denied = api.denied.filter(isOfConfigMap);
      const { configuration, ownNamespace, engine, serverVersion } = surveyed;
      this.#fault = undefined;
      const isFirst = this.#surveyed === undefined;
      this.#surveyed = surveyed;
      const { all, byDefault } = installedRevisions(subjectsOf(surveyed.hooks));
      const revisions = [all.map(({ name }) => name), byDefault];
      const told = [configuration, this.#isElsewhere, ownNamespace, engine.config, serverVersion];
      const key = JSON.stringify([...told, ...revisions]);
      if (key === this.#key) return true;
      this.#key = key;
      this.#changed(isFirst);
      return true;
    } catch (thrown) {
      this.#fault = messageOf(thrown);
      return false;
    }
  }
}

/** What else is looked for only tells where it is. */
function isOfConfigMap({ verb, resource }: AccessRight): boolean {
  return verb === 'get' && resource === 'configmaps';
}
