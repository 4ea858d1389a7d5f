/** The strict data path: Envoy asks about each request. */
import type { Rule } from '../config/settings.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { UnaryMethod } from '../server/unary-call.ts';
import { Checks } from './checks.ts';
import type { DataPath, DataPathContext } from './data-path.ts';

export class ExtAuthzPath implements DataPath {
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly #context: DataPathContext;
  readonly #checks: Checks;

  constructor(rules: readonly Rule[], context: DataPathContext) {
    this.#context = context;
    this.#checks = context.tokens.settingUp(() => new Checks(rules, context));
    this.methods = this.#checks.methods;
  }

  serve(rules: readonly Rule[]): void {
    this.#context.tokens.settingUp(() => {
      this.#checks.serve(rules);
    });
  }

  families(): readonly MetricFamily[] {
    return [...this.#checks.families(), ...this.#checks.verdictFamilies()];
  }

  tidy(nowS: number): void {
    this.#checks.tidy(nowS);
    this.#context.tokens.forgetExpired(nowS);
  }

  close(): void {
    this.#checks.close();
  }
}
