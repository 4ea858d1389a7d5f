/** All that the service does over HTTP: routes are made from this table, and so is the OpenAPI document. */
import type * as z from 'zod';
import type { ServedPart } from './listener-faults.ts';
import {
  banBody,
  bansAnswer,
  checkAnswer,
  listAnswer,
  listQuery,
  logoutFault,
  logoutForm,
} from './service-shapes.ts';

export type OperationId =
  'putBan' | 'getBan' | 'deleteBan' | 'listBans' | 'check' | 'logout' | 'openapi';

export interface ServiceOperation {
  readonly id: OperationId;
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
  /** As OpenAPI writes it. */
  readonly path: string;
  /** Of a listener that answers this; undefined: of each. */
  readonly of: ServedPart | undefined;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly type: string;
    readonly isRequired: boolean;
    readonly shape: z.ZodType;
  };
  /** What comes with success, and what it is about. */
  readonly done: { readonly status: 200 | 204; readonly words: string; readonly shape?: z.ZodType };
  /** Statuses of failures beside those that any request can get, all with a Problem but for those of `faultShape`. */
  readonly faults: readonly number[];
  readonly faultShape?: z.ZodType;
}

const oneBan = '/bans/{claim}/{value}';
const ofCallers = [401, 403] as const;

const operations: readonly ServiceOperation[] = [
  {
    id: 'putBan',
    method: 'PUT',
    path: oneBan,
    of: 'bans',
    summary: 'Bans a value of a claim. Idempotent: once more changes nothing',
    body: { type: 'application/json', isRequired: false, shape: banBody },
    done: { status: 204, words: 'It is stored' },
    faults: [400, ...ofCallers, 409, 413, 415],
  },
  {
    id: 'getBan',
    method: 'GET',
    path: oneBan,
    of: 'bans',
    summary: 'The bans of a value that have not ended',
    done: { status: 200, words: 'One or two bans', shape: bansAnswer },
    faults: [400, ...ofCallers, 404],
  },
  {
    id: 'deleteBan',
    method: 'DELETE',
    path: oneBan,
    of: 'bans',
    summary: 'Ends all bans of a value',
    done: { status: 204, words: 'There is none any more' },
    faults: [400, ...ofCallers, 404],
  },
  {
    id: 'listBans',
    method: 'GET',
    path: '/bans',
    of: 'bans',
    summary: 'All bans, a page at a time, in no order that means anything',
    query: listQuery,
    done: { status: 200, words: 'A page', shape: listAnswer },
    faults: [400, ...ofCallers],
  },
  {
    id: 'check',
    method: 'GET',
    path: '/check',
    of: 'check',
    summary: 'Whether the token in the Authorization header, or in a cookie, is of somebody banned',
    done: { status: 200, words: 'Whether the request may pass', shape: checkAnswer },
    faults: ofCallers,
  },
  {
    id: 'logout',
    method: 'POST',
    path: '/logout',
    of: 'logout',
    summary: 'OpenID Connect Back-Channel Logout 1.0',
    body: {
      type: 'application/x-www-form-urlencoded',
      isRequired: true,
      shape: logoutForm,
    },
    done: { status: 200, words: 'The session has ended' },
    faults: [400],
    faultShape: logoutFault,
  },
  {
    id: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    of: undefined,
    summary: 'This document',
    done: { status: 200, words: 'OpenAPI 3.1' },
    faults: [],
  },
];

/** What any request may be answered. */
export const commonFaults = [429, 503] as const;

/** What a listener that answers these does. */
export function operationsOf(served: readonly ServedPart[]): readonly ServiceOperation[] {
  return operations.filter(({ of }) => of === undefined || served.includes(of));
}
