/** What stands in the way of registrations now, by namespace: the loop writes it, events and metrics read it. */
import type { RegistrationProblem } from '../../desired/registrations.ts';

export class RegistrationBoard {
  readonly #problems = new Map<string, readonly RegistrationProblem[]>();
  readonly #listeners = new Set<(namespace: string) => void>();

  of(namespace: string): readonly RegistrationProblem[] {
    return this.#problems.get(namespace) ?? [];
  }

  onChange(listener: (namespace: string) => void): void {
    this.#listeners.add(listener);
  }

  set(namespace: string, problems: readonly RegistrationProblem[]): void {
    const before = this.#problems.get(namespace);
    if (problems.length === 0 && before === undefined) return;
    if (problems.length === 0) this.#problems.delete(namespace);
    else if (before !== undefined && isSame(before, problems)) return;
    else this.#problems.set(namespace, problems);
    for (const listener of this.#listeners) listener(namespace);
  }

  /** Whoever does not lead tells nobody anything. */
  clear(): void {
    for (const namespace of [...this.#problems.keys()]) this.set(namespace, []);
  }
}

function isSame(a: readonly RegistrationProblem[], b: readonly RegistrationProblem[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
