/** Names that several users ask for: shared where all mean the same contents, and nobody's where they do not. */

interface Used<User> {
  readonly users: readonly User[];
}

interface Claim<User, Value extends Used<User>> {
  readonly contents: string;
  value: Value;
  /** Those who mean other contents. */
  readonly others: User[];
}

export class Claims<User, Value extends Used<User>> {
  readonly #claims = new Map<string, Claim<User, Value>>();

  /** @param add gives the value with one more user, from the value so far */
  claim(name: string, contents: string, add: (before: Value | undefined) => Value): void {
    const claim = this.#claims.get(name);
    if (claim === undefined) {
      this.#claims.set(name, { contents, value: add(undefined), others: [] });
    } else if (claim.contents === contents) claim.value = add(claim.value);
    else claim.others.push(...add(undefined).users);
  }

  uncontested(): readonly Value[] {
    const all = [...this.#claims.values()];
    return all.filter(({ others }) => others.length === 0).map(({ value }) => value);
  }

  /** Names with all who ask for them. */
  contested(): readonly (readonly [string, readonly User[]])[] {
    return [...this.#claims]
      .filter(([, { others }]) => others.length > 0)
      .map(([name, { value, others }]) => [name, [...value.users, ...others]]);
  }
}
