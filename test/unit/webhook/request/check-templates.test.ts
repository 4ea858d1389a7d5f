import { expect, test } from 'vitest';
import { checkTemplates } from '../../../../webhook/request/check-templates.ts';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';

const config = (template: object): ReturnType<typeof checkConfig> =>
  checkConfig({ templates: { mine: { description: 'Mine.', ...template } } }, 'config.yaml');

test.each([
  [
    'in a pod',
    { fragments: [{ pod: { spec: { nodeName: '${namspace}' } } }] },
    'did you mean namespace?',
  ],
  ['in a condition', { fragments: [{ when: { sockett: 'csi' } }] }, 'did you mean socket?'],
  ['far from any', { fragments: [{ sidecars: [{ name: '${zzzzzzzz}' }] }] }, 'known are'],
  [
    'of a list',
    {
      fragments: [
        { pod: { spec: { a: [{ $each: '${pathsWithoutToken}', $item: '${each.machter}' }] } } },
      ],
    },
    'did you mean pathsWithoutToken.matcher?',
  ],
  ['of no list', { fragments: [{ pod: { spec: { a: '${each.matcher}' } } }] }, 'each.matcher'],
  [
    'as a required annotation',
    { requires: [['audienze']], fragments: [{}] },
    'unknown annotation audienze; did you mean audience?',
  ],
])('an unknown name %s is refused with the template', (_where, template, message) => {
  const checked = config(template);
  expect(() => {
    checkTemplates(checked.templates, checked);
  }).toThrow(
    expect.objectContaining({
      code: 'TEMPLATE_INVALID',
      message: expect.stringContaining(message) as string,
    }),
  );
});

test('known variables pass, and so do names of clusters', () => {
  const checked = config({
    fragments: [{ pod: { spec: { a: '${namespace} ${cluster:ext-authz}' } } }],
  });
  checkTemplates(checked.templates, checked);
});
