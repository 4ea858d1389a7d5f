/** Registration entries and agents of SPIRE's server. */
import type { SpireEntry } from '../identity/spire-entry.ts';
import { entryOf, messageFor, spiffeIdText, wholeEntry } from './entry-messages.ts';
import type { ListAgentsResponse } from './gen/agent.ts';
import type {
  BatchCreateEntryResponse,
  BatchDeleteEntryResponse,
  BatchUpdateEntryResponse,
  ListEntriesResponse,
} from './gen/entry.ts';
import type { SpireCaller } from './spire-caller.ts';
import { inBatches, wholeList } from './spire-lists.ts';
import { deleteResultOf, entryResultOf } from './spire-results.ts';
import type { DeleteResult, EntryResult, SpireServerApi } from './spire-server-api.ts';

export interface CallSite {
  readonly caller: SpireCaller;
  /** Items of a page. */
  readonly pageSize: number;
  /** Items of a list. */
  readonly maxItems: number;
}

/** Entries a call: SPIRE makes 130–300 in a second, whatever the batch, and a call has to end within its deadline. */
const batchSize = 100;

type EntryCalls = Pick<
  SpireServerApi,
  'listEntries' | 'createEntries' | 'updateEntries' | 'deleteEntries' | 'agents'
>;

export function entryCalls(site: CallSite): EntryCalls {
  return {
    listEntries: (signal) => listEntries(site, signal),
    createEntries: (entries, signal) =>
      inBatches(entries, batchSize, (batch) => createBatch(site, batch, signal)),
    updateEntries: (entries, signal) =>
      inBatches(entries, batchSize, (batch) => updateBatch(site, batch, signal)),
    deleteEntries: (ids, signal) =>
      inBatches(ids, batchSize, (batch) => deleteBatch(site, batch, signal)),
    agents: (signal) => listAgents(site, signal),
  };
}

function listEntries(
  { caller, pageSize, maxItems }: CallSite,
  signal: AbortSignal,
): ReturnType<EntryCalls['listEntries']> {
  return wholeList({
    what: 'entries',
    limit: maxItems,
    page: async (pageToken) => {
      const request = { outputMask: wholeEntry, pageSize, pageToken };
      const { entries, nextPageToken } = await caller.call<ListEntriesResponse>(
        'ListEntries',
        (clients, ...rest) => clients.entries.listEntries(request, ...rest),
        signal,
      );
      return { items: entries.map(entryOf), nextToken: nextPageToken };
    },
  });
}

async function createBatch(
  { caller }: CallSite,
  batch: readonly SpireEntry[],
  signal: AbortSignal,
): Promise<readonly EntryResult[]> {
  const request = { entries: batch.map(messageFor), outputMask: wholeEntry };
  const { results } = await caller.call<BatchCreateEntryResponse>(
    'BatchCreateEntry',
    (clients, ...rest) => clients.entries.batchCreateEntry(request, ...rest),
    signal,
  );
  return results.map(entryResultOf);
}

async function updateBatch(
  { caller }: CallSite,
  batch: readonly SpireEntry[],
  signal: AbortSignal,
): Promise<readonly EntryResult[]> {
  const entries = batch.map(messageFor);
  const request = { entries, inputMask: wholeEntry, outputMask: wholeEntry };
  const { results } = await caller.call<BatchUpdateEntryResponse>(
    'BatchUpdateEntry',
    (clients, ...rest) => clients.entries.batchUpdateEntry(request, ...rest),
    signal,
  );
  return results.map(entryResultOf);
}

async function deleteBatch(
  { caller }: CallSite,
  batch: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  const { results } = await caller.call<BatchDeleteEntryResponse>(
    'BatchDeleteEntry',
    (clients, ...rest) => clients.entries.batchDeleteEntry({ ids: batch }, ...rest),
    signal,
  );
  return results.map(deleteResultOf);
}

function listAgents(
  { caller, pageSize, maxItems }: CallSite,
  signal: AbortSignal,
): ReturnType<EntryCalls['agents']> {
  return wholeList({
    what: 'agents',
    limit: maxItems,
    page: async (pageToken) => {
      const request = { outputMask: { banned: true }, pageSize, pageToken };
      const { agents, nextPageToken } = await caller.call<ListAgentsResponse>(
        'ListAgents',
        (clients, ...rest) => clients.agents.listAgents(request, ...rest),
        signal,
      );
      const items = agents.map(({ id, banned }) => ({ id: spiffeIdText(id), isBanned: banned }));
      return { items, nextToken: nextPageToken };
    },
  });
}
