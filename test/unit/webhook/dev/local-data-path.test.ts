import { afterEach, expect, test, vi } from 'vitest';
import { startDataPath, type LocalPod } from '../../../../webhook/dev/local-data-path.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const pod: LocalPod = { name: 'a', spiffeId: '', settings: '', envoy: '', onward: '' };

test('without a place for temporary files it says which variable names one', async () => {
  vi.stubEnv('TMPDIR', '/proc/none');
  const started = startDataPath({
    caller: pod,
    callee: pod,
    trustDomain: 'example.org',
    helperProgram: '',
    standInProgram: '',
    envoy: undefined,
  });
  await expect(started).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('set TMPDIR to a folder that you may write to') as string,
  });
});
