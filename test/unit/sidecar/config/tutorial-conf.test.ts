import { describe, expect, test } from 'vitest';
import { renderSettings } from '../../../../sidecar/config/settings.ts';
import { loadSettings } from '../../../../sidecar/helper/load-settings.ts';

/** As the tutorial has it for its backend. */
const backend = `socket_path = "unix:///run/spire/sockets/agent.sock"
host = "127.0.0.1"
port = 9010
jwt_mode = "jwt_svid_validator"
audience = "spiffe://example.org/ns/default/sa/default/backend"
`;
const frontend = backend.replace('jwt_svid_validator', 'jwt_injection');

describe("the tutorial's conf", () => {
  test('gives the same service', async () => {
    expect(await loadSettings(backend, 'envoy-jwt-auth-helper.conf')).toEqual({
      version: 1,
      workloadApi: 'unix:///run/spire/sockets/agent.sock',
      listen: { host: '127.0.0.1', port: 9010 },
      health: { host: '::', port: 9011 },
      dataPath: 'ext-authz',
      logLevel: 'info',
      rules: [
        {
          name: 'jwt-validate',
          mode: 'validate',
          audiences: ['spiffe://example.org/ns/default/sa/default/backend'],
        },
      ],
    });
    expect((await loadSettings(frontend, 'x.conf')).rules).toEqual([
      {
        name: 'jwt-inject',
        mode: 'inject',
        audience: 'spiffe://example.org/ns/default/sa/default/backend',
        authorization: 'deny',
      },
    ]);
  });

  test('comments, quoted keys, quoted ports, one line and Windows line ends are read', async () => {
    const text = `# one
      // two
      /* three
         four */ "socket_path" = "/run/a.sock" // five
      host="0.0.0.0", port = "9011"; jwt_mode : "jwt_injection"\r
      audience = "a \\"quoted\\" \\u00e9"`;
    expect(await loadSettings(text, 'x.conf')).toMatchObject({
      workloadApi: 'unix:///run/a.sock',
      listen: { host: '0.0.0.0', port: 9011 },
      health: { port: 9021 },
      rules: [{ audience: 'a "quoted" é' }],
    });
  });

  test.each([
    ['a block', `${backend}\nplugin "x" {\n}`, '7:12: blocks are not known here'],
    ['a nested object', backend.replace('"127.0.0.1"', '{}'), '2:8: blocks are not known here'],
    ['a list', backend.replace('"127.0.0.1"', '["a"]'), '2:8: lists are not known here'],
    ['a here-document', backend.replace('"127.0.0.1"', '<<EOF'), '2:8: here-documents'],
    [
      'a text without quotes',
      backend.replace('"127.0.0.1"', 'localhost'),
      '2:8: a string must be in quotes',
    ],
    [
      'a text without an end',
      backend.replace('0.1"', '0.1'),
      '2:8: the string has no closing quote',
    ],
    ['a comment without an end', `${backend}/* x`, '6:1: the comment has no end'],
    ['an octal number', backend.replace('9010', '09010'), '3:8: a number with a leading zero'],
    ['a fraction', backend.replace('9010', '9.5'), '3:8: expected key = value'],
    [
      'an unknown escape',
      backend.replace('127', '\\q127'),
      '2:8: the string has an unknown escape sequence',
    ],
    [
      'two entries on a line',
      backend.replace('9010\n', '9010 '),
      '3:13: expected the end of the line',
    ],
    ['a key without a value', backend.replace('9010', ''), '3:8: "port" has no value'],
    ['a key twice', `${backend}port = 1`, '6:1: "port" is set twice, first in line 3'],
    ['an unknown key', `${backend}hosts = "a"`, '6:1: "hosts" is unknown; known are socket_path'],
    ['a port of 0', backend.replace('9010', '0'), '3:1: "port" must be a number from 1 to 65535'],
    ['a port in words', backend.replace('9010', '"http"'), '3:1: "port" must be a number'],
    ['an empty audience', backend.replace(/"spiffe.*"/, '""'), '5:1: "audience" must be a string'],
    [
      'another mode',
      backend.replace('validator', 'x'),
      '4:1: "jwt_mode" must be "jwt_injection" or',
    ],
    ['no audience', backend.replace(/audience.*\n/, ''), '"audience" is missing'],
    ['an audience of 513 characters', backend.replace(/d"\n$/, `${'e'.repeat(513)}"`), '512'],
  ])('refuses %s and says where', async (_name, text, words) => {
    const load = (): Promise<unknown> => loadSettings(text, 'helper.conf');
    await expect(load).rejects.toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    await expect(load).rejects.toThrow(words);
    await expect(load).rejects.toThrow(/^helper\.conf:/);
  });
});

describe('the format of a settings file', () => {
  const ours = renderSettings({
    version: 1,
    rules: [{ name: 'a', mode: 'inject', audience: 'jwt_mode = "x"' }],
  });
  const json = JSON.stringify({ version: 1, rules: [{ name: 'j', mode: 'inject' }] });
  test.each([
    [ours, 'helper.yaml', 'a'],
    [ours, 'settings', 'a'],
    [ours, 'helper.conf', 'a'],
    [json, 'x.json', 'j'],
    [json, 'settings', 'j'],
    [frontend, 'helper.conf', 'jwt-inject'],
    [frontend, 'settings', 'jwt-inject'],
  ])('is found by ending and text: %#', async (text, file, rule) => {
    expect((await loadSettings(text, file)).rules[0]?.name).toBe(rule);
  });

  test('is named when it is neither', async () => {
    const refusal = (text: string, file: string) => expect(loadSettings(text, file)).rejects;
    await refusal('hello', 'settings').toThrow("settings: neither svidecar's format");
    await refusal('hello', 'helper.conf').toThrow('helper.conf:1:');
    await refusal(frontend, 'helper.yaml').toThrow('helper.yaml:');
  });
});
