/** All commands that take manifests. */
export const manifestReaders = [
  'inject',
  'uninject',
  'diff',
  'explain',
  'check',
  'identities',
  'render entries',
  'render istio',
  'render network-policy',
  'revision render canary',
  'dev',
];
