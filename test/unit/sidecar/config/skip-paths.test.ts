/** Patterns of paths that need no token, and those that leave nothing to validate. */
import { describe, expect, test } from 'vitest';
import { skipFilter, skipsEverything } from '../../../../sidecar/config/skip-paths.ts';
import { readRequest } from '../../../../webhook/request/read-annotations.ts';
import { decideOn } from '../../../fakes/admission.ts';
import { deployment, appWithEnvoy } from '../../../fakes/workloads.ts';

const paths = ['/', '/a', '/a/b', '/healthz', '/~x', '/*', '/-', '/*/c'];

describe('a pattern', () => {
  test.each([
    ['/*', true],
    ['*', true],
    ['/', false],
    ['/a*', false],
    ['/**', false],
    ['/*/', false],
    ['//*', false],
    ['/healthz', false],
  ])('%s lets every path pass: %s', (pattern, expected) => {
    expect(skipsEverything([pattern])).toBe(expected);
    expect(paths.every(skipFilter([pattern]))).toBe(expected);
    expect(skipsEverything(['/healthz', pattern])).toBe(expected);
  });

  test('none lets nothing pass', () => {
    expect(skipsEverything(undefined)).toBe(false);
    expect(skipsEverything([])).toBe(false);
  });
});

describe.each(['ext-authz', 'native'])('an annotation, in the data path %s', (dataPath) => {
  const annotationsWith = (skipPaths: string) => ({
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/data-path': dataPath,
    'svidecar.dev/skip-paths': skipPaths,
  });
  const warningsOf = (skipPaths: string): readonly string[] =>
    decideOn(deployment(annotationsWith(skipPaths), appWithEnvoy))
      .steps.filter(({ id, level }) => id === 'validates_nothing' && level === 'warning')
      .map(({ message }) => message);

  test.each(['/*', '/healthz, /*', ' /* '])('of %j is warned about', (skipPaths) => {
    expect(warningsOf(skipPaths)).toEqual([
      'jwt-validate lets every path pass without a token (svidecar.dev/skip-paths: /*), so nothing is validated and anybody may call; name the paths that may go without one, such as /healthz',
    ]);
  });

  test.each(['/', '/healthz', '/static/*'])('of %j is not', (skipPaths) => {
    expect(warningsOf(skipPaths)).toEqual([]);
  });

  test.each(['*', '/**', '//*', '/./*', '/%2a'])('of %j is refused', (skipPaths) => {
    const metadata = { annotations: annotationsWith(skipPaths) };
    expect(() => readRequest({ metadata })).toThrow('svidecar.dev/skip-paths');
  });
});
