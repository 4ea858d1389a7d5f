/** The service that Envoy's `ext_authz` asks, with all that its rules need beside tokens; both data paths have one. */
import { checkHandler, type CheckHandler, type RulePorts } from '../authz/check-handler.ts';
import { ruleMetadataKey } from '../config/helper-contract.ts';
import type { Rule } from '../config/settings.ts';
import { CheckCounts } from '../server/check-counts.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { UnaryMethod } from '../server/unary-call.ts';
import { BanLists } from './ban-lists.ts';
import { mergedFamilies } from './ban-metrics.ts';
import { BanServices } from './ban-services.ts';
import { BanStores } from './ban-stores.ts';
import type { DataPathContext } from './data-path.ts';
import { Verifiers } from './verifiers.ts';

export class Checks {
  readonly methods: ReadonlyMap<string, UnaryMethod> = new Map<string, UnaryMethod>([
    [
      '/envoy.service.auth.v3.Authorization/Check',
      (message, { [ruleMetadataKey]: rule }) =>
        this.#handler.check(message, { rule }, this.#nowS()),
    ],
  ]);
  readonly #context: DataPathContext;
  readonly #counts = new CheckCounts();
  readonly #verifiers: Verifiers;
  readonly #bans: BanLists;
  readonly #banServices = new BanServices();
  readonly #banStores: BanStores;
  #handler: CheckHandler;

  constructor(rules: readonly Rule[], context: DataPathContext) {
    this.#context = context;
    this.#verifiers = new Verifiers(context.bundles);
    this.#bans = new BanLists(context);
    this.#banStores = new BanStores(context);
    this.#handler = this.#handlerFor(rules);
  }

  /** Puts rules in force between two calls. */
  serve(rules: readonly Rule[]): void {
    this.#handler = this.#handlerFor(rules);
  }

  families(): readonly MetricFamily[] {
    const ofBans = mergedFamilies([...this.#bans.families(), ...this.#banStores.families()]);
    return [this.#counts.family(), ...ofBans];
  }

  /** Of the cache of verdicts. */
  verdictFamilies(): readonly MetricFamily[] {
    const { hits, misses, held } = this.#verifiers.counts();
    return [
      {
        name: 'svidecar_verdicts_total',
        help: 'Tokens looked up in the cache of verdicts.',
        type: 'counter',
        samples: [
          { labels: { cache: 'hit' }, value: hits },
          { labels: { cache: 'miss' }, value: misses },
        ],
      },
      {
        name: 'svidecar_verdicts_held',
        help: 'Verdicts in the cache.',
        type: 'gauge',
        samples: [{ value: held }],
      },
    ];
  }

  tidy(nowS: number): void {
    this.#verifiers.forgetExpired(nowS);
    this.#banStores.tidy();
  }

  close(): void {
    this.#bans.close();
    this.#banServices.close();
    this.#banStores.close();
  }

  #handlerFor(rules: readonly Rule[]): CheckHandler {
    const { tokens, timers } = this.#context;
    const ports: RulePorts = {
      tokensFor: (audience, spiffeId) => tokens.tokensFor(audience, spiffeId),
      ownTokens: tokens.own,
      verifierFor: (audiences) => this.#verifiers.verifierFor(audiences),
      soleTrustDomain: () => this.#verifiers.soleTrustDomain(),
      banListIn: (file) => this.#bans.listIn(file),
      banListAt: (store) => this.#banStores.at(store),
      banServiceAt: (store) => this.#banServices.at(store),
      tallyFor: (rule) => this.#counts.tallyFor(rule),
      pause: (ms) => new Promise((resolve) => void timers.after(ms, resolve)),
    };
    return this.#bans.settingUp(() =>
      this.#banServices.settingUp(() =>
        this.#banStores.settingUp(() => checkHandler(rules, ports)),
      ),
    );
  }

  #nowS(): number {
    return Math.floor(this.#context.timers.now() / 1_000);
  }
}
