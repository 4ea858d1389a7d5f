import { expect, it } from 'vitest';
import { helperAnswers } from '../../../../webhook/console/helper-answers.ts';

it('counts answers by rule and outcome, and takes no other line', () => {
  const page = `# HELP svidecar_checks_total Checks answered.
# TYPE svidecar_checks_total counter
svidecar_checks_total{rule="jwt-validate",outcome="allowed"} 12
svidecar_checks_total{rule="jwt-validate",outcome="caller_not_allowed"} 3
svidecar_trust_domains 1
svidecar_checks_total{rule="x"} nonsense
`;
  expect(helperAnswers(page)).toEqual([
    { rule: 'jwt-validate', outcome: 'allowed', isRefusal: false, count: 12 },
    {
      rule: 'jwt-validate',
      outcome: 'caller_not_allowed',
      isRefusal: true,
      words: expect.stringContaining('may not call') as string,
      count: 3,
    },
  ]);
});
