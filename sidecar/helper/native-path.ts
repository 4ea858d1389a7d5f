/** The native data path: Envoy's own filters do the work, with secrets and keys from here. Only rules that ban are asked. */
import type { Rule } from '../config/settings.ts';
import { secretsOf, type Secrets } from '../sds/secrets.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { Pages } from '../server/plain-answer.ts';
import { SecretService } from '../server/secret-service.ts';
import type { StreamMethod } from '../server/stream-call.ts';
import type { UnaryMethod } from '../server/unary-call.ts';
import type { JwtBundleSource } from '../workload-api/bundle-source.ts';
import { Checks } from './checks.ts';
import type { DataPath, DataPathContext } from './data-path.ts';
import { KeyPages } from './key-pages.ts';

/** Unknown names that are logged, and characters of each: a client must not fill the log. */
const maxUnknownNames = 32;
const maxShownLength = 256;

export class NativePath implements DataPath {
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly streams: ReadonlyMap<string, StreamMethod>;
  readonly pages: Pages;
  readonly #context: DataPathContext;
  readonly #secrets: SecretService;
  readonly #keys: KeyPages;
  readonly #checks: Checks;
  readonly #unknown = new Set<string>();
  #bundles: JwtBundleSource | undefined;

  constructor(rules: readonly Rule[], context: DataPathContext) {
    this.#context = context;
    const { log, timers } = context;
    this.#secrets = new SecretService(this.#setUp(rules), {
      timers,
      onUnknown: (name) => {
        this.#logUnknown(name);
      },
      onRefusal: (names) => {
        log.warn({ names: names.join() }, 'Envoy did not accept a secret; its own log says why');
      },
    });
    this.#keys = new KeyPages(() => this.#bundles);
    this.#checks = new Checks(bansOf(rules), context);
    this.methods = bansOf(rules).length === 0 ? new Map() : this.#checks.methods;
    this.streams = this.#secrets.methods;
    this.pages = this.#keys.page;
  }

  serve(rules: readonly Rule[]): void {
    this.#unknown.clear();
    this.#secrets.serve(this.#setUp(rules));
    this.#checks.serve(bansOf(rules));
  }

  families(): readonly MetricFamily[] {
    const ofChecks = this.methods.size === 0 ? [] : this.#checks.families();
    return [...this.#secrets.families(), this.#keys.family(), ...ofChecks];
  }

  tidy(nowS: number): void {
    this.#secrets.tell();
    this.#checks.tidy(nowS);
  }

  close(): void {
    this.#secrets.close();
    this.#checks.close();
  }

  #setUp(rules: readonly Rule[]): Secrets {
    const { tokens, bundles } = this.#context;
    if (rules.some(needsKeys)) this.#bundles = bundles();
    return tokens.settingUp(() =>
      secretsOf(rules, (audience, spiffeId) => tokens.tokensFor(audience, spiffeId)),
    );
  }

  #logUnknown(name: string): void {
    if (this.#unknown.has(name) || this.#unknown.size >= maxUnknownNames) return;
    this.#unknown.add(name);
    const words = 'Envoy asks for a secret that no rule names: compare its configuration';
    this.#context.log.warn({ name: name.slice(0, maxShownLength) }, words);
  }
}

/** Whether Envoy needs the keys of trust domains for a rule. */
function needsKeys({ mode }: Rule): boolean {
  switch (mode) {
    case 'inject':
    case 'ban':
      return false;
    case 'validate':
      return true;
    default:
      return mode satisfies never;
  }
}

/** Envoy has no filter of its own for these. */
function bansOf(rules: readonly Rule[]): readonly Rule[] {
  return rules.filter(({ mode }) => mode === 'ban');
}
