/** Commands that take manifests, in files that `-f` names as well. */
export const workloadReaders = [
  'inject',
  'uninject',
  'diff',
  'explain',
  'check',
  'identities',
  'render entries',
  'render istio',
  'render network-policy',
];

/** All commands that take manifests. */
export const manifestReaders = [...workloadReaders, 'revision render canary', 'dev'];
