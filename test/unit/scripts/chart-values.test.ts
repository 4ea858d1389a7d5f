import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { chartValues } from '../../../scripts/chart-values.ts';

const file: unknown = parse(readFileSync('manifests/helm/svidecar/values.yaml', 'utf8'));

test('values.yaml shows every value with its default', () => {
  // The configuration is left to the webhook, so that its defaults are those of the version that runs.
  expect(file).toEqual({ ...chartValues.parse({}), config: {} });
});

test('values.yaml is allowed by its own schema', () => {
  expect(chartValues.safeParse(file).error).toBeUndefined();
});
