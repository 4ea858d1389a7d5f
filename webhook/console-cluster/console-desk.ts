/** Everything that a page of the console can ask for, beside its events. */
import type { ClusterFacts } from '../checks/facts.ts';
import { runChecks } from '../checks/run-checks.ts';
import type { CoverageSnapshot, HelperView, WorkloadView } from '../console/console-model.ts';
import type {
  BansView,
  CertificatesView,
  DoctorView,
  IdentitiesQuestion,
  IdentitiesView,
  RunName,
  RunState,
} from '../console/console-reports.ts';
import { identitiesView } from '../console/identities-view.ts';
import { certificatesView, doctorView } from '../console/reports-of-facts.ts';
import { deniedSentences } from '../kube/read-list.ts';
import { survey, surveyCertificates, surveyIdentities } from '../survey/survey.ts';
import { ActionDesk, type DeskParts } from './action-desk.ts';
import { assessInTurns } from './assess-in-turns.ts';
import { askHelpers, askWorkload, type AskParts } from './ask-workload.ts';
import { ShownBans } from './shown-bans.ts';
import { ConsoleCluster, type ConsoleClusterOptions } from './console-cluster.ts';
import { Look } from './look.ts';
import { surveyOptions } from './survey-options.ts';

export interface ConsoleDeskOptions
  extends ConsoleClusterOptions, Pick<DeskParts, 'target' | 'durationS'> {
  /** What SPIRE has: asked for each look at identities, and each run of the checks. */
  readonly spire: () => Promise<ClusterFacts['spire']>;
}

export class ConsoleDesk {
  readonly cluster: ConsoleCluster;
  readonly actions: ActionDesk;
  readonly identities: Look<IdentitiesQuestion, IdentitiesView>;
  readonly doctor: Look<undefined, DoctorView>;
  readonly certificates: Look<undefined, CertificatesView>;
  readonly #options: ConsoleDeskOptions;
  readonly #bans: ShownBans;
  readonly #ask: AskParts;
  readonly #listeners = new Set<(run: RunName, state: RunState) => void>();

  constructor(options: ConsoleDeskOptions) {
    this.#options = options;
    const { api, clock } = options;
    this.cluster = new ConsoleCluster(options);
    const { board } = this.cluster;
    this.#bans = new ShownBans({ api, board, clock });
    this.actions = new ActionDesk({ ...options, board, bans: this.#bans });
    this.#ask = {
      api,
      board,
      target: options.target,
      engine: () => this.cluster.configuration.engine,
      nowMs: () => clock.now(),
    };
    this.identities = this.#identities();
    this.doctor = this.#doctor();
    this.certificates = this.#certificates();
  }

  /** @param version names the moment of the snapshot */
  coverage(version: string): CoverageSnapshot {
    const { board, standing } = this.cluster;
    return {
      version,
      nowS: this.#options.clock.now() / 1_000,
      cluster: standing,
      namespaces: board.namespaceRows(),
      workloads: board.rows(),
    };
  }

  /** @throws {AppError} OBJECT_NOT_FOUND, CLUSTER_UNREACHABLE, CLUSTER_FORBIDDEN */
  workload(id: string): Promise<WorkloadView> {
    return askWorkload(id, this.#ask);
  }

  /** @throws {AppError} as {@link workload} */
  helpers(id: string): Promise<readonly HelperView[]> {
    return askHelpers(id, this.#ask);
  }

  bans(): Promise<BansView> {
    return this.#bans.view();
  }

  /** @returns how to stop listening */
  onRun(listener: (run: RunName, state: RunState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #identities(): ConsoleDesk['identities'] {
    return new Look({
      ...this.#look('identities'),
      work: async ({ asksHelpers }, api, signal) => {
        const spire = await this.#options.spire();
        const options = surveyOptions({ ...this.#options, api }, signal, { spire, asksHelpers });
        const facts = await surveyIdentities(options);
        const assessed = await assessInTurns(facts);
        const denied = deniedSentences(api);
        return identitiesView(facts, assessed, { askedHelpers: asksHelpers, denied });
      },
    });
  }

  #doctor(): ConsoleDesk['doctor'] {
    return new Look({
      ...this.#look('doctor'),
      work: async (_question, api, signal) => {
        const spire = await this.#options.spire();
        // As `svidecar check` does: what helpers have is held against what SPIRE has.
        const asksHelpers = spire.kind !== 'not_asked';
        const options = surveyOptions({ ...this.#options, api }, signal, { spire, asksHelpers });
        const facts = await survey(options);
        return doctorView(runChecks(facts, undefined, await assessInTurns(facts)));
      },
    });
  }

  #certificates(): ConsoleDesk['certificates'] {
    return new Look({
      ...this.#look('certificates'),
      work: async (_question, api, signal) => {
        const facts = await surveyCertificates(surveyOptions({ ...this.#options, api }, signal));
        return certificatesView(facts, deniedSentences(api));
      },
    });
  }

  #look(run: RunName) {
    const { api, clock } = this.#options;
    const changed = (state: RunState): void => {
      for (const listener of this.#listeners) listener(run, state);
    };
    return { api, clock, changed };
  }
}
