/** What the backend knows: two accounts, by number. */

export interface Account {
  /** In cents. */
  readonly balance: { readonly amountCents: number; readonly currency: string };
  readonly profile: { readonly name: string; readonly city: string; readonly since: string };
  readonly transactions: readonly {
    readonly date: string;
    readonly text: string;
    readonly amountCents: number;
  }[];
}

export const accounts: ReadonlyMap<string, Account> = new Map([
  [
    '1',
    {
      balance: { amountCents: 109_500, currency: 'USD' },
      profile: { name: 'Jacob Marley', city: 'London', since: '1843-12-19' },
      transactions: [
        { date: '2026-11-02', text: 'Candles', amountCents: -1_250 },
        { date: '2026-11-09', text: 'Rent received', amountCents: 45_000 },
        { date: '2026-11-17', text: 'Locksmith', amountCents: -8_900 },
      ],
    },
  ],
  [
    '2',
    {
      balance: { amountCents: 25_030, currency: 'USD' },
      profile: { name: 'Alex Fergus', city: 'Glasgow', since: '2019-05-04' },
      transactions: [
        { date: '2026-11-05', text: 'Train to Edinburgh', amountCents: -2_480 },
        { date: '2026-11-20', text: 'Salary', amountCents: 310_000 },
      ],
    },
  ],
]);
