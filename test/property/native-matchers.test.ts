/**
 * What Envoy's own filters are told agrees with what the helper does by itself: hosts, paths and SPIFFE IDs. The regular
 * expressions are RE2's; those that we write mean the same in JavaScript.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isArray, isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { parseSpiffeId, spiffeIdFault } from '#kernel/spiffe-id.ts';
import { callerFilter } from '../../sidecar/authz/allow-callers.ts';
import { audienceByHost } from '../../sidecar/authz/audience-by-host.ts';
import { skipFilter } from '../../sidecar/config/skip-paths.ts';
import { secretName } from '../../sidecar/config/helper-contract.ts';
import { nativeVariables } from '../../webhook/request/native-variables.ts';
import { nativeAdditions } from '../golden/envoy/cases.ts';

function isWhole(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 'u').test(text);
}

function membersOf(value: Json | undefined): readonly JsonObject[] {
  return isArray(value) ? value.filter(isObject) : [];
}

const label = fc.constantFrom('a', 'b', 'A', 'pay', 'x.y', 'a.b', 'b.c');
const key = fc.oneof(
  label.map((name) => name.toLowerCase()),
  label.map((name) => `*.${name.toLowerCase()}`),
  label.map((name) => `${name.toLowerCase()}:80`),
);
const host = fc
  .tuple(
    fc.array(label, { minLength: 1, maxLength: 3 }),
    fc.constantFrom(
      '',
      '.',
      ':80',
      ':8080',
      '.:80',
      ':',
      'x',
      ':80.a',
      ':a',
      ':80:80',
      '@a',
      '/',
      '%2e',
      ':80.',
    ),
  )
  .map(([labels, end]) => labels.join('.') + end);

test('a host chooses the token that the helper would choose', () => {
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.constantFrom('one', 'two', 'three'), { minKeys: 1 }),
      fc.option(fc.constant('rest'), { nil: undefined }),
      host,
      (byHost, audience, asked) => {
        const values = nativeVariables({
          dataPath: 'native',
          audienceByHost: byHost,
          injectAudience: audience,
        });
        const found = membersOf(values['audienceHosts']).find((one) =>
          isWhole(stringAt(one, 'host') ?? '', asked),
        );
        const rule = { name: 'r', mode: 'inject', authorization: 'deny' } as const;
        const meant = audienceByHost({ ...rule, audience, audienceByHost: byHost })(asked);
        expect(found?.['secret']).toBe(meant === undefined ? undefined : secretName(meant));
      },
    ),
    { numRuns: 2_000 },
  );
});

/** The two matchers of each path in jwt_authn's rules. */
function skips(patterns: readonly string[]): (path: string) => boolean {
  const { filters } = nativeAdditions({
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/skip-paths': patterns.join(','),
  });
  const [authn] = filters.map(({ filter }) => objectAt(filter, 'typed_config'));
  const rules = membersOf(authn?.['rules']).filter((rule) => rule['requires'] === undefined);
  return (path) =>
    rules.some((rule) =>
      membersOf(objectAt(rule, 'match')['headers']).every((header) => {
        const matcher = objectAt(header, 'string_match');
        const prefix = stringAt(matcher, 'prefix');
        if (prefix !== undefined) return path.startsWith(prefix);
        return isWhole(stringAt(objectAt(matcher, 'safe_regex'), 'regex') ?? '', path);
      }),
    );
}

const patterns = ['/healthz', '/static/*', '/a.b*', '/.well*', "/x'y", '/q$(1)'];
const pieces = fc.constantFrom(
  '/',
  '.',
  '..',
  'healthz',
  'static',
  'a.b',
  '.well',
  "x'y",
  'q$(1)',
  '%2f',
  ';',
  '//',
  '\\',
  '?',
  '?a=b',
  '#',
  'é',
  '~',
  '@',
  '*',
  ' ',
  'a',
);

test('a path needs no token where the helper would ask for none', () => {
  const isSkipped = skips(patterns);
  const helper = skipFilter(patterns);
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), fc.constantFrom(...patterns), (more, start) => {
      const path = `${start.replace('*', '')}${more.join('')}`;
      for (const each of [path, `/${more.join('')}`])
        expect([each, isSkipped(each)]).toEqual([each, helper(each)]);
    }),
    { numRuns: 5_000 },
  );
});

/** What `sub` may be, for each trust domain that may call. */
function subjectsOf(allowed: readonly string[]): ReadonlyMap<string, string> {
  const values = nativeVariables({ dataPath: 'native', allowCallers: allowed });
  return new Map(
    membersOf(values['callerTrustDomains']).map((domain) => [
      stringAt(domain, 'name') ?? '',
      stringAt(domain, 'subjects') ?? '',
    ]),
  );
}

const allowed = fc.constantFrom(
  'spiffe://example.org',
  'spiffe://example.org/a',
  'spiffe://example.org/a.A',
  'spiffe://example.org/a/*',
  'spiffe://example.org/*',
  'spiffe://other.org',
  'spiffe://other.org/a/..a/*',
);
const idStart = fc.constantFrom(
  'spiffe://example.org',
  'spiffe://other.org',
  'spiffe://exampleXorg',
  'x',
);
const idPart = fc.constantFrom(
  '/',
  '/',
  '.',
  '..',
  'a',
  'a',
  'A',
  '-',
  '_',
  '%',
  ' ',
  '...',
  '.a',
  '..a',
  'é',
  '|',
);

test('a subject is a SPIFFE ID that may call, of its own trust domain, as the helper sees it', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(allowed, { minLength: 1, maxLength: 4 }),
      idStart,
      fc.array(idPart, { maxLength: 6 }),
      (callers, start, parts) => {
        const id = start + parts.join('');
        const domain = id.slice('spiffe://'.length).split('/')[0] ?? '';
        const mayCall = spiffeIdFault(id) === undefined && callerFilter(callers)(parseSpiffeId(id));
        for (const [name, pattern] of subjectsOf(callers))
          expect([id, name, isWhole(pattern, id)]).toEqual([id, name, mayCall && name === domain]);
        if (mayCall) expect(subjectsOf(callers).has(domain)).toBe(true);
      },
    ),
    { numRuns: 20_000 },
  );
});
