import { expect, it } from 'vitest';
import { unreadOf } from '../../../../webhook/console/unread.ts';
import { known } from '../../../../webhook/checks/facts.ts';

const lost = { kind: 'unknown', reasons: ['not allowed', 'it hangs'] } as const;
const partly = { kind: 'partial', subjects: [], reasons: ['not allowed'] } as const;

it.each([
  [[known([])], [], [], false],
  [[partly], [], ['not allowed'], true],
  [[partly], ['not allowed'], [], true],
  [[partly, known([]), lost], [], ['not allowed', 'it hangs'], true],
  [[lost, partly], ['not allowed'], ['it hangs'], true],
])(
  'tells each reason once, and none that is told elsewhere: %#',
  (readings, denied, unread, isPartial) => {
    expect(unreadOf(readings, new Set(denied))).toEqual({ unread, isPartial });
  },
);
