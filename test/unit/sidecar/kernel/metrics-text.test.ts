import { expect, test } from 'vitest';
import { CheckCounts } from '../../../../sidecar/server/check-counts.ts';
import { metricsText } from '../../../../sidecar/kernel/metrics-text.ts';

test('families become Prometheus text, with labels escaped, and the names of empty families', () => {
  expect(
    metricsText([
      { name: 'a', help: 'Of a.', type: 'gauge', samples: [{ value: 1.5 }] },
      { name: 'none', help: 'Of none.', type: 'gauge', samples: [] },
      {
        name: 'b',
        help: 'Of b.',
        type: 'counter',
        samples: [{ labels: { x: 'q"\\\n', y: 'z' }, value: 2 }],
      },
    ]),
  ).toBe(
    '# HELP a Of a.\n# TYPE a gauge\na 1.5\n# HELP none Of none.\n# TYPE none gauge\n# HELP b Of b.\n# TYPE b counter\nb{x="q\\"\\\\\\n",y="z"} 2\n',
  );
});

test('checks are counted by rule, refusals shown once there are some', () => {
  const counts = new CheckCounts();
  counts.tallyFor('jwt-validate').add('allowed');
  counts.tallyFor('jwt-validate').add('expired');
  counts.tallyFor('jwt-validate').add('expired');
  const { samples } = counts.family();
  expect(samples.map(({ labels, value }) => [labels?.['outcome'], value])).toEqual([
    ['allowed', 1],
    ['passed', 0],
    ['skipped', 0],
    ['expired', 2],
  ]);
});
