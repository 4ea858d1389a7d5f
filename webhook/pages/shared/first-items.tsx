/** Long lists are shown in parts: a page with thousands of them is slow, and nobody reads it. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

/** Items that are shown at once, and how many more at each wish. */
const step = 100;

export function FirstItems<Item>({
  items,
  render,
}: {
  readonly items: readonly Item[];
  /** With a key of its own. */
  readonly render: (item: Item, at: number) => VNode;
}): VNode {
  const [count, setCount] = useState(step);
  const rest = items.length - count;
  return (
    <>
      {items.slice(0, count).map(render)}
      {rest > 0 ? (
        <p>
          <button
            type="button"
            onClick={() => {
              setCount(count + step);
            }}
          >
            Show more ({rest.toLocaleString('en')} are left)
          </button>
        </p>
      ) : undefined}
    </>
  );
}
