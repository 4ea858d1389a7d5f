/** The cluster as the console sees it: followed by watches into the board, and judged there. */
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { workloadId, type SeenPod } from '../console/board-entries.ts';
import type { ClusterStanding } from '../console/console-model.ts';
import { CoverageBoard } from '../console/coverage-board.ts';
import {
  judgeWorkload,
  type JudgeContext,
  type WorkloadVerdict,
} from '../console/judge-workload.ts';
import { defaultApiLimits, type ApiLimits } from '../kube/api-limits.ts';
import type { FollowedResource } from '../kube/followed-resource.ts';
import { Reflector, type Follower } from '../kube/reflector.ts';
import { ConfigurationInForce, type ConfigurationSource } from './configuration-in-force.ts';
import { DeniedReads } from './denied-reads.ts';
import {
  followedConfigMaps,
  followedHooks,
  followedNamespaces,
  followedPods,
  followedWorkloads,
  type FollowSinks,
  type ListedWorkload,
} from './followed.ts';
import { JudgeQueue } from './judge-queue.ts';
import { KeptConfigMaps } from './kept-config-maps.ts';
import { Standing, type StandingParts } from './standing.ts';

export interface ConsoleClusterOptions
  extends ConfigurationSource, Pick<StandingParts, 'contextName' | 'version'> {
  readonly limits?: Partial<ApiLimits>;
  /** Gives [0, 1); for waits only. */
  readonly random?: () => number;
}

/** What has changed. */
export type ClusterChange = 'board' | 'cluster' | 'certificates' | 'bans';

/** Somebody is looking: an API server that is back is noticed sooner than by a controller. */
const consoleLimits: ApiLimits = {
  ...defaultApiLimits,
  // A page is read in one go, and whoever looks waits meanwhile.
  pageSize: 200,
  lastRetryMs: 2_000,
  lastRelistMs: 5_000,
  // So is a right that has been given.
  absentMs: 3_000,
};
/** Milliseconds between what is told: many changes become one. */
const flushMs = 100;
/** What a reflector has to say is told by the standing. */
const nothing = (): undefined => undefined;
const noLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export class ConsoleCluster {
  readonly board = new CoverageBoard();
  readonly configuration: ConfigurationInForce;
  readonly #options: ConsoleClusterOptions;
  readonly #configMaps: KeptConfigMaps;
  readonly #queue: JudgeQueue;
  readonly #standing: Standing;
  readonly #deniedReads: DeniedReads;
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  readonly #namespaces: Follower;
  readonly #workloads: readonly Reflector<ListedWorkload>[];
  /** What is read once it is known what asks. */
  readonly #dependent: readonly Follower[];
  readonly #hooks: Follower;
  /** Whether the ConfigMaps that decisions depend on have been looked for. */
  #isReadyToJudge = false;

  constructor(options: ConsoleClusterOptions) {
    this.#options = options;
    this.#configMaps = new KeptConfigMaps((key) => {
      this.#configMapChanged(key);
    });
    this.configuration = new ConfigurationInForce(options, (isFirst) => {
      this.#configured(isFirst);
    });
    this.#queue = this.#makeQueue();
    this.#deniedReads = new DeniedReads({
      ...options,
      everyMs: options.limits?.absentMs ?? consoleLimits.absentMs,
      given: () => {
        this.#queue.retryRefused();
      },
    });
    this.#standing = this.#makeStanding();
    const sinks = this.#sinks();
    const { namespace } = options;
    this.#namespaces = this.#follow(followedNamespaces(sinks, namespace));
    this.#workloads = followedWorkloads(sinks, namespace).map((each) => this.#follow(each));
    this.#dependent = [
      this.#follow(followedPods(sinks, namespace)),
      this.#follow(followedConfigMaps(sinks, namespace)),
    ];
    this.#hooks = this.#follow(followedHooks(sinks));
  }

  /** Follows the cluster until `signal` aborts. Returns at once. */
  start(signal: AbortSignal): void {
    this.#queue.start(signal);
    this.#standing.start(signal);
    this.#deniedReads.start(signal);
    this.configuration.start(signal);
    void this.#followAll(signal);
    const timer = setInterval(() => {
      this.flush();
    }, flushMs);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
    });
  }

  /** What has come so far counts now. */
  flush(): void {
    if (this.board.flush()) this.#tell('board');
  }

  /** @returns how to stop listening */
  onChange(listener: (change: ClusterChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  get standing(): ClusterStanding {
    return this.#standing.now();
  }

  /** Workloads that wait for their verdict. */
  get backlog(): number {
    return this.#queue.size;
  }

  /** By the configuration and the ConfigMaps that are known; undefined until they are. */
  judge(object: JsonObject): WorkloadVerdict | undefined {
    const context = this.#judgeContext();
    return context === undefined ? undefined : judgeWorkload(object, context);
  }

  #judgeContext(): JudgeContext | undefined {
    return this.configuration.judge(this.#configMaps.read, (name) => this.board.revisionOf(name));
  }

  #makeQueue(): JudgeQueue {
    return new JudgeQueue({
      api: this.#options.api,
      board: this.board,
      configMaps: this.#configMaps,
      context: () => (this.#isReadyToJudge ? this.#judgeContext() : undefined),
      refused: (what) => {
        this.#deniedReads.refused(what);
      },
    });
  }

  #makeStanding(): Standing {
    return new Standing({
      ...this.#options,
      configuration: this.configuration,
      followers: () => [this.#namespaces, ...this.#workloads, ...this.#dependent, this.#hooks],
      deniedReads: () => this.#deniedReads.all,
      hooks: () => this.board.hooks,
      changed: (came) => {
        if (came) this.#queue.retry();
        else this.#tell('cluster');
      },
    });
  }

  #follow<Entry>(resource: FollowedResource<Entry>): Reflector<Entry> {
    const { clock, api, limits, random = Math.random } = this.#options;
    const counted = {
      ...resource,
      slim: (object: JsonObject): Entry | undefined => {
        this.#standing.count();
        return resource.slim(object);
      },
    };
    const ownLimits = { ...consoleLimits, ...limits };
    return new Reflector(counted, { api, clock, log: noLog, limits: ownLimits, random });
  }

  /** Namespaces first, then what asks, and only then what that depends on. */
  async #followAll(signal: AbortSignal): Promise<void> {
    const run = (followers: readonly Follower[]): Promise<unknown> => {
      for (const each of followers) void each.run(signal);
      return Promise.all(followers.map((each) => this.#standing.settled(each)));
    };
    const hooks = run([this.#hooks]);
    await run([this.#namespaces]);
    await run(this.#workloads);
    await run(this.#dependent);
    await hooks;
    this.#isReadyToJudge = true;
    this.#queue.wake();
  }

  #sinks(): FollowSinks {
    const { board } = this;
    const configMaps = this.#configMaps;
    return {
      namespaces: {
        replace: (all) => {
          for (const name of board.replaceNamespaces(all)) this.#relabelled(name);
        },
        put: (one) => {
          if (board.putNamespace(one)) this.#relabelled(one.name);
        },
        drop: (name) => {
          board.dropNamespace(name);
        },
      },
      workloads: this.#workloadSinks(),
      pods: this.#podSinks(),
      configMaps: {
        isWanted: (namespace, name) => configMaps.isWanted(namespace, name),
        replace: (all) => {
          configMaps.replace(all);
        },
        put: (one) => {
          configMaps.put(one);
        },
        drop: (namespace, name) => {
          configMaps.drop(namespace, name);
        },
      },
      hooks: (names) => {
        this.board.setHooks(names.size > 0 ? 'there' : 'none');
        this.configuration.look();
        this.#tell('certificates');
      },
      available: (name, now) => {
        if (name === this.#hooks.name && now !== 'there') this.board.setHooks('unknown');
        this.#standing.available(name, now);
      },
    };
  }

  #workloadSinks(): FollowSinks['workloads'] {
    return {
      replace: (kind, all) => {
        const { board } = this;
        const idOf = ({ entry }: ListedWorkload): string =>
          workloadId(entry.namespace, kind, entry.name);
        const listed = new Set(all.map(idOf));
        for (const id of board.idsOfKind(kind)) if (!listed.has(id)) this.#dropWorkload(id);
        for (const each of all) this.#putWorkload(each);
      },
      put: (one) => {
        this.#putWorkload(one);
      },
      drop: (kind, namespace, name) => {
        this.#dropWorkload(workloadId(namespace, kind, name));
      },
    };
  }

  #putWorkload({ entry, text }: ListedWorkload): void {
    const id = workloadId(entry.namespace, entry.kind, entry.name);
    this.#configMaps.want(id, entry.namespace, entry.seen.configMaps);
    if (this.board.putWorkload(entry)) this.#queue.add(id, text);
  }

  #dropWorkload(id: string): void {
    this.#queue.drop(id);
    this.#configMaps.forget(id);
    this.board.dropWorkload(id);
  }

  #podSinks(): FollowSinks['pods'] {
    const { pods } = this.board;
    return {
      replace: (all) => {
        pods.replace(all);
        for (const pod of all) this.#podChanged(pod);
      },
      put: (one) => {
        pods.put(one);
        this.#podChanged(one);
      },
      drop: (namespace, name) => {
        pods.drop(namespace, name);
      },
    };
  }

  /** Where a workload is known by its pods alone, or injected pod by pod, one of them is judged. */
  #podChanged({ namespace, root, replicaSet }: SeenPod): void {
    const { board } = this;
    const id = workloadId(namespace, root.kind, root.name);
    const isThere = board.workload(id) !== undefined;
    if (isThere && board.label(namespace) === 'pod') this.#queue.add(id);
    if (isThere) return;
    this.#queue.add(
      replicaSet === undefined ? id : workloadId(namespace, 'ReplicaSet', replicaSet),
    );
  }

  /** Whether its workloads stay as they are, or their pods do, is another question now. */
  #relabelled(namespace: string): void {
    for (const id of this.board.idsIn(namespace)) this.#queue.add(id);
  }

  #configMapChanged(key: string): void {
    for (const id of this.#configMaps.usersOf(key)) {
      this.board.revise(id);
      this.#queue.add(id);
      const isList = this.board
        .workload(id)
        ?.seen.banLists.some(({ name }) => key.endsWith(`/${name}`));
      if (isList === true) this.#tell('bans');
    }
  }

  /** What waits is judged by it; what has been judged is listed, and judged, anew. */
  #configured(isFirst: boolean): void {
    this.#queue.wake();
    if (isFirst) return;
    this.board.forgetVerdicts();
    for (const reflector of this.#workloads) reflector.relist();
    // What is known by its pods alone comes with no list of its own.
    for (const { id } of this.board.rows())
      if (this.board.workload(id) === undefined) this.#queue.add(id);
  }

  #tell(change: ClusterChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
