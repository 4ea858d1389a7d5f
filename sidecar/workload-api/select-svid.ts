/** Which of several SVIDs a workload uses. @see SPIFFE Workload API, "SVID hints" and "Default identity" */

/** Bytes; a longer hint is no hint. */
const maxHintBytes = 1024;

export interface SvidChoice {
  /** Only this identity will do. */
  readonly spiffeId?: string | undefined;
  /** Only an identity with this hint will do. */
  readonly hint?: string | undefined;
}

/** The first that fits, so of two with one hint the first; without a choice the first of all, the default identity. */
export function selectSvid<T extends { readonly spiffeId: string; readonly hint: string }>(
  svids: readonly T[],
  choice: SvidChoice,
): T | undefined {
  return svids.find(
    (svid) =>
      (choice.spiffeId === undefined || svid.spiffeId === choice.spiffeId) &&
      (choice.hint === undefined ||
        (svid.hint === choice.hint && Buffer.byteLength(svid.hint) <= maxHintBytes)),
  );
}
