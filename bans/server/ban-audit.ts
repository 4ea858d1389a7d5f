/**
 * Who changed which ban: a line in the log for each try. Never the value: it is somebody's e-mail address or name. With a key
 * of its own the line has its keyed hash instead, so that lines about one value can be found by whoever has the key.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { kindOfBan } from '../../sidecar/config/ban-records.ts';
import { banKey, banLengths, claimPath } from '../../sidecar/config/ban-values.ts';
import { TokenBuckets } from '../service/token-buckets.ts';
import type { BanToWrite } from '../store/ban-store.ts';
import { instantOf } from './ban-messages.ts';

/** What was tried. */
export type BanAct = 'put' | 'remove' | 'logout';

export interface AuditedChange {
  readonly act: BanAct;
  /** SPIFFE ID, or the issuer of a logout; undefined: nobody was asked. */
  readonly by: string | undefined;
  readonly ban: Pick<BanToWrite, 'claim' | 'value'> & Partial<BanToWrite>;
  /** `done`, or the code of what went wrong. */
  readonly result: string;
}

/** What was refused before there was anything to change. */
export interface RefusedChange {
  readonly act: BanAct;
  /** Undefined: it is not known, or nobody was asked. */
  readonly by: string | undefined;
  readonly claim: string | undefined;
  /** The code of the failure, or why a logout token is none. */
  readonly result: string;
}

/** Lines of one act and result: strangers must not fill a disk. */
const refusedLines = { perSecond: 1, burst: 20, most: 256 } as const;

/** Characters of the hash: 132 bits. */
const hashLength = 22;

export class BanAudit {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #key: Buffer | undefined;
  readonly #buckets = new TokenBuckets(refusedLines);
  /** By act and result: lines since the last one. */
  readonly #leftOut = new Map<string, number>();

  constructor(log: Log, clock: Clock, key: Buffer | undefined) {
    this.#log = log;
    this.#clock = clock;
    this.#key = key;
  }

  /** A line at most every second for each act and result, after the first few. */
  refused({ act, by, claim, result }: RefusedChange): void {
    const kind = `${act} ${result}`;
    const leftOut = this.#leftOut.get(kind) ?? 0;
    if (this.#buckets.take(kind, this.#clock.now()) > 0) {
      // Acts and results are few: both are words of ours.
      this.#leftOut.set(kind, leftOut + 1);
      return;
    }
    this.#leftOut.delete(kind);
    const fields = { audit: act, by, claim: claim?.slice(0, banLengths.claim), result };
    this.#log.warn(leftOut === 0 ? fields : { ...fields, leftOut }, 'ban not changed');
  }

  note({ act, by, ban, result }: AuditedChange): void {
    const { claim, value, untilS, issuedBeforeS, reason } = ban;
    const fields = {
      audit: act,
      by,
      claim: claim.slice(0, banLengths.claim),
      subject: this.#subject(claim, value),
      kind: act === 'remove' ? undefined : kindOfBan({ issuedBeforeS }),
      until: instantOf(untilS),
      issuedBefore: instantOf(issuedBeforeS),
      reason,
      result,
    };
    if (result === 'done') this.#log.info(fields, 'ban changed');
    else this.#log.warn(fields, 'ban not changed');
  }

  #subject(claim: string, value: string): string | undefined {
    const path = claimPath(claim);
    const key = path === undefined ? undefined : banKey(path, value);
    if (this.#key === undefined || key === undefined) return undefined;
    return createHmac('sha256', this.#key).update(key).digest('base64url').slice(0, hashLength);
  }
}
