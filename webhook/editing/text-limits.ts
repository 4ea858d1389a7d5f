/**
 * What a text may cost. Invariant: time and memory for an untrusted text are bounded before it is parsed in
 * full, and grow no faster than its size.
 */

export interface TextLimits {
  /** Characters (UTF-16) of one document. */
  readonly maxCharacters: number;
  /** Words, marks, line ends and runs of white space of one document: each costs the parser some 150 bytes. */
  readonly maxTokens: number;
  /**
   * Keys and values of one document, aliases and merge keys written out, lists and maps twice: each costs about 1 kB
   * until the document is edited.
   */
  readonly maxValues: number;
}

/**
 * For texts that come from the cluster: 1 MiB is what the API server lets a ConfigMap hold, with room for what our own
 * edits add. An Envoy configuration of that size has 60,000 to 110,000 keys and values (10 to 17 characters each; only
 * short routes in JSON without white space come to 7). The largest document within these limits was read and edited
 * in a heap of 150 MiB, measured for lists of numbers, of empty maps and of nothing; the webhook has 192 MiB.
 */
export const clusterLimits: TextLimits = {
  maxCharacters: 2 * 1024 * 1024,
  maxTokens: 450_000,
  maxValues: 120_000,
};

/** For files on the caller's own machine, where one document may be a List of thousands of objects. */
export const ownFileLimits: TextLimits = {
  maxCharacters: 64 * 1024 * 1024,
  maxTokens: 20_000_000,
  maxValues: 4_000_000,
};

/**
 * Columns that open a level of nesting, and brackets. Envoy (protobuf) reads at most 100 messages inside each other,
 * each at most a map in a list; custom resource definitions, the deepest manifests, need some 80. Each level costs
 * a few stack frames wherever a document is walked.
 */
export const maxNesting = 200;

/**
 * Blank lines before comments, times those comments: the parser visits all of the former for each of the latter.
 * A file header of 1,000 blank lines and 10,000 lines of comments is below this.
 */
export const maxBlankTimesComments = 10_000_000;

/** Levels of the value: a list may begin at the column of the key that holds it, so a column opens two at most. */
export const maxValueDepth = 2 * maxNesting;

/** The weight of a list or map among a document's values: it costs twice as much memory as a string. */
export const collectionCount = 2;
