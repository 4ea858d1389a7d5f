import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { ownMembers } from './scripts/lint/own-members.ts';

const sizes = {
  complexity: ['error', 10],
  'max-depth': ['error', 3],
  'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
  'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
  'max-params': ['error', 3],
};

const refusedSyntax = [
  {
    selector: "ImportDeclaration[source.value='zod'] > ImportSpecifier",
    message: "Use `import * as z from 'zod'`: the named import bundles five times as much.",
  },
  // Lines are for readers: a limit that is too tight is raised with a reason, or the code is split where it divides.
  {
    selector: 'ObjectExpression > SpreadElement > ObjectExpression',
    message: 'Write the members out: a literal spread into a literal only saves lines.',
  },
  {
    selector:
      ':matches(ArrayExpression, CallExpression, NewExpression) > SpreadElement > ArrayExpression',
    message: 'Write the items out: a literal spread into a literal only saves lines.',
  },
  {
    selector: "VariableDeclarator[id.type='ArrayPattern'][init.type='ArrayExpression']",
    message: 'Declare each by itself: a pattern for a literal only saves lines.',
  },
];

export default defineConfig(
  {
    ignores: [
      // Programs of a benchmark that both runtimes run as they stand.
      '**/*.cjs',
      'node_modules',
      'dist',
      'coverage',
      'sidecar/gen',
      'webhook/spire/gen',
      'test/gen',
      'eslint.config.js',
      '.dependency-cruiser.mjs',
    ],
  },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      ...sizes,
      // `const { image, ...rest } = container` is how a member is left out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers in messages are wanted; objects and undefined in them are still errors.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only main.ts reads the environment.' },
      ],
      'no-restricted-syntax': ['error', ...refusedSyntax],
    },
  },
  {
    // Names that somebody else chose are looked up among own members alone.
    plugins: { svidecar: { rules: { 'own-members': ownMembers } } },
    rules: { 'svidecar/own-members': 'error' },
  },
  {
    // Entry points read argv, environment and clock; scripts and tests stand at the edge as well.
    files: ['**/main.ts', 'scripts/**/*.ts', 'test/**/*.ts', 'vitest.config.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['{webhook,sidecar,certs,bans}/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...refusedSyntax,
        {
          selector: "ObjectExpression > Property[kind='get']",
          message:
            'Make it a method, or a class: V8 gives each object with a getter of its own a hidden class, which keeps what the getter sees until a full collection.',
        },
      ],
    },
  },
  {
    files: ['webhook/pages/**'],
    rules: {
      // The compiler knows Node's globals here, because the engine is compiled with the pages.
      'no-restricted-globals': ['error', 'Buffer', 'process', 'global', 'require', 'setImmediate'],
    },
  },
  {
    // A component is its markup: what it does stands in functions beside it.
    files: ['webhook/pages/**/*.tsx'],
    rules: {
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // A describe block is a list of cases, not a function with a length.
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'svidecar/own-members': 'off' },
  },
);
