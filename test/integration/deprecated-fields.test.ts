/** The webhook's log tells of each field of its configuration that a later version refuses, when it reads it. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Serving } from '../../webhook/serve.ts';
import { waitUntil } from './harness/processes.ts';
import { serveAlone } from './harness/served-alone.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const deprecation = {
  kind: 'configuration',
  name: 'helper.image',
  instead: 'name it elsewhere',
  since: '1.2.0',
  removedIn: '2.0.0',
} as const;
const ignore = (): void => undefined;

let work: WorkFolder;
let serving: Serving;
const warnings: unknown[] = [];

/** As the kubelet does: whoever reads meanwhile reads the one or the other. */
function write(config: string): void {
  writeFileSync(join(work.path, 'new'), config);
  renameSync(join(work.path, 'new'), join(work.path, 'config.yaml'));
}

beforeAll(async () => {
  work = await createWorkFolder('deprecated-fields');
  write('helper: {image: example.org/one}');
  serving = await serveAlone(work.path, {
    files: { templates: 'templates', config: join(work.path, 'config.yaml'), version: '1.2.0' },
    log: {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (fields, words) => {
        if ('name' in fields) warnings.push([fields['name'], words]);
      },
    },
    deprecations: [deprecation],
  });
});
afterAll(async () => {
  await serving.stop();
  await work.remove();
});

test('at the start, and after each change of the file', async () => {
  const told = [
    'helper.image',
    'the key helper.image is deprecated since svidecar 1.2.0, and 2.0.0 will refuse it: name it elsewhere',
  ];
  expect(warnings).toEqual([told]);
  write('helper: {image: example.org/two}');
  await waitUntil('it is told again', () => Promise.resolve(warnings.length > 1));
  expect(warnings).toEqual([told, told]);
});
