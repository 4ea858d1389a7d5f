/** NAME.input.yaml → NAME.patch.json and NAME.report.txt. `UPDATE=1` writes them anew: read the diff before you commit it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '#kernel/json.ts';
import { traceText } from '../../../webhook/injection/trace.ts';
import { decideOn, operationsOf } from '../../fakes/admission.ts';

const folder = import.meta.dirname;
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.input.yaml'))
  .map((file) => file.slice(0, -'.input.yaml'.length));

function compare(file: string, text: string): void {
  const path = join(folder, file);
  if (process.env['UPDATE'] === '1') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe('a manifest', () => {
  test('there are golden files', () => {
    expect(names.length).toBeGreaterThan(10);
  });

  test.each(names)('%s gives the patch and the report beside it', (name) => {
    // Ours, and an object each.
    const object = parse(readFileSync(join(folder, `${name}.input.yaml`), 'utf8')) as JsonObject;
    const decision = decideOn(object);
    compare(`${name}.patch.json`, `${JSON.stringify(operationsOf(decision), null, 2)}\n`);
    compare(`${name}.report.txt`, `${decision.kind}\n${traceText(decision.steps)}\n`);
  });
});
