/** Small parts that several pages of the console use. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ConsoleState } from './console-state.ts';
import { fragmentOf, placeOf, type ConsolePlace, type WorkloadPart } from './console-place.ts';
import { lifeLeft, utcOf, type Lifetime } from './token-life.ts';

/** What each page is given. */
export interface PageProps {
  readonly state: ConsoleState;
  readonly go: (place: ConsolePlace) => void;
}

/** Seconds of the server's clock, told anew every second while the page is seen. */
export function useServerNow({ aheadS }: ConsoleState): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNowMs(Date.now());
    }, 1_000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return nowMs / 1_000 + aheadS;
}

/** A link to a workload by its id. */
export function WorkloadLink({
  id,
  part = 'story',
  children,
}: {
  readonly id: string;
  readonly part?: WorkloadPart;
  readonly children?: ComponentChildren;
}): VNode {
  const place = placeOf(`#/workload/${id.split('/').map(encodeURIComponent).join('/')}`);
  const target = place.page === 'workload' ? { ...place, part } : place;
  return (
    <a
      href={fragmentOf(target)}
      onClick={(event) => {
        // A row around it would be chosen as well.
        event.stopPropagation();
      }}
    >
      {children ?? breakable(id)}
    </a>
  );
}

/** A line may end after each slash: browsers would rather break a word. */
export function breakable(name: string): readonly ComponentChildren[] {
  return name.split('/').flatMap((part, at) => (at === 0 ? [part] : ['/', <wbr key={at} />, part]));
}

/** What is left of a life, as a bar and in words. @param props.scale what the full bar is where that is not the whole life */
export function LifeBar({
  life,
  nowS,
  scale,
}: {
  readonly life: Lifetime;
  readonly nowS: number;
  readonly scale?: { readonly seconds: number; readonly words: string };
}): VNode {
  const left = lifeLeft(life, nowS);
  const share =
    scale === undefined
      ? (left.share ?? 0)
      : Math.min(1, Math.max(0, (life.untilS - nowS) / scale.seconds));
  const sign = { good: '✓', short: '!', over: '✕' }[left.state];
  return (
    <span class={`life life-${left.state}`} title={`until ${utcOf(life.untilS)}`}>
      <span class="life-bar" aria-hidden="true">
        <span class="life-left" style={{ width: `${share * 100}%` }} />
      </span>
      <span>
        <span aria-hidden="true">{sign}</span> {left.words}
        {scale !== undefined && <span class="muted"> (full bar: {scale.words})</span>}
      </span>
    </span>
  );
}

interface CommandProps {
  readonly command: string;
  /** What it is, for screen readers. */
  readonly label?: string;
}

/** A command to be run in a shell, or another text to be taken along, and a button that copies it. */
export function CommandText({ command, label = 'command' }: CommandProps): VNode {
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(command);
      setSaid('copied');
    } catch {
      // The browser does not allow it; the text can be selected.
      setSaid('select the text and copy it');
    }
  };
  return (
    <div class="command">
      <pre tabIndex={0} aria-label={label}>
        {command}
      </pre>
      <button type="button" onClick={() => void copy()}>
        Copy
      </button>
      <span class="muted" role="status">
        {said}
      </span>
    </div>
  );
}

/** A number of things: `1 workload`, `2 workloads`. */
export function countOf(count: number, thing: string): string {
  return `${count.toLocaleString('en-GB')} ${thing}${count === 1 ? '' : 's'}`;
}
