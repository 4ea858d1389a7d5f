/** Entries as SPIRE's messages have them, and back. */
import { selectorParts } from '../identity/selector-parts.ts';
import type { SpireEntry } from '../identity/spire-entry.ts';
import type { Entry, EntryMask, SPIFFEID } from './gen/messages.ts';

/** What of an entry is asked for and, its id left out, written. */
export const wholeEntry: EntryMask = {
  spiffeId: true,
  parentId: true,
  selectors: true,
  x509SvidTtl: true,
  federatesWith: true,
  admin: true,
  downstream: true,
  dnsNames: true,
  storeSvid: true,
  jwtSvidTtl: true,
  hint: true,
  additionalAttributes: true,
};

export function entryOf(message: Entry): SpireEntry {
  return {
    id: message.id,
    spiffeId: spiffeIdText(message.spiffeId),
    parentId: spiffeIdText(message.parentId),
    selectors: message.selectors.map(({ type, value }) => `${type}:${value}`).sort(),
    federatesWith: [...message.federatesWith].sort(),
    dnsNames: message.dnsNames,
    hint: message.hint,
    x509SvidTtlS: message.x509SvidTtl,
    jwtSvidTtlS: message.jwtSvidTtl,
    isAdmin: message.admin,
    isDownstream: message.downstream,
    storesSvid: message.storeSvid,
    isPrefetched: message.additionalAttributes?.disableX509SvidPrefetch !== true,
  };
}

export function messageFor(entry: SpireEntry): Entry {
  return {
    id: entry.id,
    spiffeId: spiffeIdMessage(entry.spiffeId),
    parentId: spiffeIdMessage(entry.parentId),
    selectors: entry.selectors.map(selectorParts),
    federatesWith: entry.federatesWith,
    dnsNames: entry.dnsNames,
    hint: entry.hint,
    x509SvidTtl: entry.x509SvidTtlS,
    jwtSvidTtl: entry.jwtSvidTtlS,
    admin: entry.isAdmin,
    downstream: entry.isDownstream,
    storeSvid: entry.storesSvid,
    additionalAttributes: {
      disableX509SvidPrefetch: !entry.isPrefetched,
      jwtSvidIncludeJti: false,
    },
  };
}

export function spiffeIdText(message: SPIFFEID | undefined): string {
  return message === undefined ? '' : `spiffe://${message.trustDomain}${message.path}`;
}

/** SPIRE judges it: what is no SPIFFE ID is refused there. */
function spiffeIdMessage(text: string): SPIFFEID {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]*)(.*)$/s.exec(text) ?? [];
  return { trustDomain, path };
}
