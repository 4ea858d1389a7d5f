import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseText } from '../../webhook/editing/parse-text.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../webhook/manifests/uninject-texts.ts';
import { engineFor } from '../fakes/engine.ts';
import { manifestTexts } from '../fakes/manifests.ts';

const options = { engine: engineFor(), namespace: 'shop' };
const runs = { numRuns: 30 };

function inject(text: string): string {
  return injectTexts([{ name: 'a.yaml', text }], options).text;
}

function uninject(text: string): string {
  return uninjectTexts([{ name: 'a.yaml', text }], options.namespace).text;
}

/** Without what the engine refuses: that is left out of the output on purpose. */
const injectable = manifestTexts.filter(
  (text) => injectTexts([{ name: 'a.yaml', text }], options).problems.length === 0,
);

describe('the laws of inject and uninject on text', () => {
  test('uninject takes inject back, byte for byte', () => {
    fc.assert(
      fc.property(injectable, (text) => {
        expect(uninject(inject(text))).toBe(text);
      }),
      runs,
    );
  });

  test('injecting twice gives what injecting once gives, byte for byte', () => {
    fc.assert(
      fc.property(injectable, (text) => {
        const once = inject(text);
        expect(inject(once)).toBe(once);
      }),
      runs,
    );
  });

  test('a text without anything injected comes out of uninject as it went in', () => {
    fc.assert(
      fc.property(manifestTexts, (text) => {
        expect(uninject(text)).toBe(text);
      }),
      runs,
    );
  });

  test('the output of inject is a stream that parses, whatever was refused', () => {
    fc.assert(
      fc.property(manifestTexts, manifestTexts, (one, other) => {
        const sources = [
          { name: 'one.yaml', text: one },
          { name: 'other.yaml', text: other },
        ];
        const { text } = injectTexts(sources, options);
        expect(() => parseText(text, 'output')).not.toThrow();
      }),
      runs,
    );
  });
});
