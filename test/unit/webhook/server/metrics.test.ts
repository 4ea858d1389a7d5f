import { expect, test } from 'vitest';
import { Metrics } from '../../../../webhook/server/metrics.ts';

test('a flood of new label values ends in "other" instead of in memory', async () => {
  const metrics = new Metrics({
    certificateNotAfter: () => Number.NaN,
    isReady: () => false,
    largeWaiting: () => 0,
    others: () => [],
  });
  for (let i = 0; i < 1_000; i += 1) {
    metrics.reviewed({ kind: `k${i}`, decision: 'd', reason: 'r' });
  }
  const text = await metrics.text();
  expect(text.match(/^svidecar_reviews_total\{/gm)).toHaveLength(401);
  expect(text).toContain(
    'svidecar_reviews_total{kind="other",decision="other",reason="other"} 600',
  );
});
