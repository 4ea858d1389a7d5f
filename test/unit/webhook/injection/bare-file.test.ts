import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const path = 'manifests/sds/service-purple.yaml';
const source = readFileSync(path, 'utf8');
const templates = 'inject.svidecar.dev/templates';
const id = 'svidecar.dev/spiffe-id=spiffe://example.org/service-purple';
const validate = ['--annotation', `${templates}=jwt-validate`, id];
const inject = (...more: readonly string[]): ReturnType<typeof runSvidecar> =>
  runSvidecar(['inject', '--envoy-file', path, ...more]);

/** Lines of the second text that the first one lacks, if it lacks nothing else. */
function addedLines(text: string): readonly string[] {
  const rest = source.split('\n');
  return text.split('\n').filter((line) => {
    if (line !== rest[0]) return true;
    rest.shift();
    return false;
  });
}

describe('an Envoy configuration in a file of its own', () => {
  let patched: string;
  beforeAll(async () => {
    patched = (await inject('-q', ...validate)).out;
  });

  test('gets the filter and the cluster by insertion', () => {
    const added = addedLines(patched);
    expect(source.split('\n').length + added.length).toBe(patched.split('\n').length);
    expect(added.join('\n')).toContain('- name: svidecar.jwt-validate');
    expect(added.join('\n')).toContain('port_value: 9010');
  });

  test('reaches the helper by a socket where one is named', async () => {
    const { out } = await inject('-q', '--helper-socket', '/run/helper.sock', ...validate);
    expect(out).toContain('path: /run/helper.sock');
    expect(out).not.toContain('port_value: 9010');
  });

  test('comes with the settings of the helper, whose health only this machine asks for', async () => {
    const more = [
      '--print',
      'helper',
      '--helper-socket',
      '/run/helper.sock',
      '--helper-health',
      '9019',
    ];
    const { out, code } = await inject('-q', ...more, ...validate);
    expect(code).toBe(0);
    expect(parse(out)).toMatchObject({
      listen: { socket: '/run/helper.sock' },
      health: { host: '127.0.0.1', port: 9019 },
      rules: [{ audiences: ['spiffe://example.org/service-purple'] }],
    });
  });

  test('is told of as a file, not as a ConfigMap or a pod', async () => {
    const { err } = await inject(...validate);
    expect(err).toContain('added svidecar.jwt-validate for jwt-validate');
    expect(err).not.toMatch(/ConfigMap|[Pp]od |container "/);
  });

  test('is read from standard input too', async () => {
    const words = ['inject', '-q', '--envoy-file', '-', ...validate];
    expect((await runSvidecar(words, { stdin: source })).out).toBe(patched);
  });

  const socket = ['--helper-socket', 'a'];
  test.each([
    ['nothing is asked for', [], '2 nothing is asked for'],
    ['an annotation has no value', ['--annotation', 'x'], '2 write it as KEY=VALUE'],
    ['a key is unknown', ['--annotation', 'svidecar.dev/audiense=a'], '1 svidecar.dev/audience'],
    ['the socket is no path', [...socket, ...validate], '2 absolute path'],
    ['the port is none', ['--helper-health', '0', ...validate], '2 1 to 65535'],
    ['the version is none', ['--envoy-version', 'new', ...validate], '2 1.40.0'],
    ['manifests stand beside it', ['shop.yaml', ...validate], '2 no manifests'],
    [
      'its listener is not there',
      [...validate, 'svidecar.dev/validate-listeners=x'],
      '1 file service-purple.yaml',
    ],
  ])('is refused where %s', async (_, more, expected) => {
    const { code, out, err } = await inject(...more);
    expect([`${code} ${err}`, out]).toEqual([expect.stringContaining(expected.slice(2)), '']);
    expect(code).toBe(Number(expected.charAt(0)));
  });

  test('its options are refused without it', async () => {
    const { code, err } = await runSvidecar(['inject', '--helper-socket', '/a', 'shop.yaml']);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--helper-socket belongs to --envoy-file'),
    ]);
  });
});
