/** The account page as HTML. A function of its input; everything from outside is escaped. */
import { own } from '#kernel/members.ts';
import { isArray, isObject, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

/** What came of one question to the backend. */
export type Part =
  | { readonly kind: 'shown'; readonly value: Json }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Parts {
  readonly balance: Part;
  readonly profile: Part;
  readonly transactions: Part;
}

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f3f4f7; color: #1d2330; }
  header { background: #123a5c; color: #fff; padding: 1.2rem 2rem; }
  h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 0 0 .5rem; color: #123a5c; }
  main { max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; }
  section { background: #fff; border-radius: 6px; padding: 1rem 1.4rem; margin-bottom: 1rem; box-shadow: 0 1px 3px #0002; }
  table { border-collapse: collapse; width: 100%; } td { padding: .3rem 0; border-top: 1px solid #e4e7ee; }
  td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
  .amount { font-size: 2rem; } dt { color: #667; } dd { margin: 0 0 .4rem; }
  .refused { border-left: 5px solid #b3261e; } .refused p { margin: 0; color: #b3261e; overflow-wrap: anywhere; }
`;

export function accountPage(account: string, parts: Parts): string {
  const { profile } = parts;
  const name = profile.kind === 'shown' ? text(profile.value, 'name') : '';
  const title = name === '' ? `Account ${escape(account)}` : `Account of ${name}`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><style>${style}</style></head>
<body>
<header><h1>${title}</h1></header>
<main>
${section('Balance', parts.balance, balance)}
${section('Profile', profile, profileList)}
${section('Transactions', parts.transactions, transactionTable)}
</main>
</body>
</html>
`;
}

function section(title: string, part: Part, write: (value: Json) => string): string {
  const id = title.toLowerCase();
  return part.kind === 'shown'
    ? `<section id="${id}"><h2>${title}</h2>${write(part.value)}</section>`
    : `<section id="${id}" class="refused"><h2>${title}</h2><p>${escape(part.reason)}</p></section>`;
}

function balance(value: Json): string {
  return `<div class="amount">${money(value)} ${text(value, 'currency')}</div>`;
}

function profileList(value: Json): string {
  const rows = ['name', 'city', 'since'].map(
    (key) => `<dt>${key}</dt><dd>${text(value, key)}</dd>`,
  );
  return `<dl>${rows.join('')}</dl>`;
}

function transactionTable(value: Json): string {
  const rows = (isArray(value) ? value : []).map(
    (row) =>
      `<tr><td>${text(row, 'date')}</td><td>${text(row, 'text')}</td><td>${money(row)}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function text(value: Json, key: string): string {
  return escape(stringAt(objectOf(value), key) ?? '');
}

function money(value: Json): string {
  const cents = objectOf(value)['amountCents'];
  return typeof cents === 'number' ? (cents / 100).toFixed(2) : '';
}

function objectOf(value: Json): JsonObject {
  return isObject(value) ? value : {};
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => own(entities, character) ?? '');
}
