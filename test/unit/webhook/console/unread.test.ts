import { expect, it } from 'vitest';
import { unreadOf } from '../../../../webhook/console/unread.ts';
import { known } from '../../../../webhook/checks/facts.ts';

const lost = { kind: 'unknown', reasons: ['not allowed', 'it hangs'] } as const;
const partly = { kind: 'partial', subjects: [], reasons: ['not allowed'] } as const;

it.each([
  { readings: [known([])], denied: [], unread: [], isPartial: false },
  { readings: [partly], denied: [], unread: ['not allowed'], isPartial: true },
  { readings: [partly], denied: ['not allowed'], unread: [], isPartial: true },
  {
    readings: [partly, known([]), lost],
    denied: [],
    unread: ['not allowed', 'it hangs'],
    isPartial: true,
  },
  { readings: [lost, partly], denied: ['not allowed'], unread: ['it hangs'], isPartial: true },
])(
  'tells each reason once, and none that is told elsewhere: %#',
  ({ readings, denied, ...told }) => {
    expect(unreadOf(readings, new Set(denied))).toEqual(told);
  },
);
