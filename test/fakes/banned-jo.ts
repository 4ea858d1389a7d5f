/** A ban of all tokens of one value, without an end, and when it is looked at. */
import type { BanToWrite } from '../../bans/store/ban-store.ts';

/** Unix seconds. */
export const nowS = 1_800_000_000;
export const jo: BanToWrite = {
  claim: 'email',
  value: 'jo@example.org',
  untilS: undefined,
  issuedBeforeS: undefined,
  reason: undefined,
  by: undefined,
  atS: undefined,
};
