/**
 * Who changed which ban: a line in the log for each try. Never the value: it is somebody's e-mail address or name. With a key
 * of its own the line has its keyed hash instead, so that lines about one value can be found by whoever has the key.
 */
import { createHmac } from 'node:crypto';
import type { Log } from '#kernel/observe.ts';
import { kindOfBan } from '../../sidecar/config/ban-records.ts';
import { banKey, claimPath } from '../../sidecar/config/ban-values.ts';
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

/** Characters of a claim; a longer one is no claim. */
const longestClaim = 256;
/** Characters of the hash: 132 bits. */
const hashLength = 22;

export class BanAudit {
  readonly #log: Log;
  readonly #key: Buffer | undefined;

  constructor(log: Log, key: Buffer | undefined) {
    this.#log = log;
    this.#key = key;
  }

  note({ act, by, ban, result }: AuditedChange): void {
    const { claim, value, untilS, issuedBeforeS, reason } = ban;
    const fields = {
      audit: act,
      by,
      claim: claim.slice(0, longestClaim),
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
