/** One request and its way: each place, how it went there, and why. */
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { StatusBadge, type Tone } from '../shared/status-badge.tsx';
import type { PlaceState, RequestWay, WayPlace } from '../../dev/way-model.ts';

const badges: Readonly<Record<PlaceState, readonly [tone: Tone, words: string]>> = {
  passed: ['good', 'passed'],
  refused: ['bad', 'refused'],
  not_reached: ['quiet', 'not reached'],
  not_asked: ['info', 'not asked'],
  not_on_the_way: ['quiet', 'not on the way'],
};

/** Places that a line down the page leads through; helpers stand beside their Envoy. */
function isHelper({ place }: WayPlace): boolean {
  return place.endsWith('-helper');
}

export function WayView({
  way,
  title,
}: {
  readonly way: RequestWay;
  readonly title: string;
}): VNode {
  const isFine = way.status === 200;
  const card = useRef<HTMLElement>(null);
  // Below the buttons on a narrow screen, where nobody would see that it changed.
  useEffect(() => card.current?.scrollIntoView({ block: 'nearest' }), [way]);
  return (
    <section class="card" aria-labelledby="way-title" ref={card}>
      <h2 id="way-title">{title}</h2>
      <p>
        <StatusBadge tone={isFine ? 'good' : 'bad'}>HTTP {way.status}</StatusBadge>{' '}
        <span class="muted">
          data path {way.dataPath}, {way.tookMs} ms
        </span>
      </p>
      <pre class="command">
        <code>$ {way.command}</code>
      </pre>
      <ol class="way">
        {way.places.map((place) => (
          <Place key={place.place} place={place} />
        ))}
      </ol>
      <p>
        <strong>Why:</strong> {way.why}
      </p>
      <details>
        <summary>The whole answer</summary>
        <pre>{way.body}</pre>
      </details>
    </section>
  );
}

function Place({ place }: { readonly place: WayPlace }): VNode {
  const [tone, words] = badges[place.state];
  const kind = isHelper(place) ? 'way-place way-helper' : 'way-place';
  return (
    <li class={`${kind} way-${place.state}`} data-place={place.place} data-state={place.state}>
      <span class="way-title">{place.title}</span>
      <StatusBadge tone={tone}>{words}</StatusBadge>
      <span class="way-words">{place.words}</span>
    </li>
  );
}
