/** The page as a whole: where somebody is, what was heard, and keys that work everywhere. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { PageFrame } from '../shared/page-frame.tsx';
import { AnotherBrowser } from './another-browser.tsx';
import { BansPage } from './bans-page.tsx';
import { CertificatesPage } from './certificates-page.tsx';
import { ClusterNotices, clusterWords, LineBadge } from './cluster-notices.tsx';
import { fragmentOf, placeOf, wholeCoverage, type ConsolePlace } from './console-place.ts';
import { nothingHeard, type ConsoleState } from './console-state.ts';
import { CoveragePage } from './coverage-page.tsx';
import { DoctorPage } from './doctor-page.tsx';
import { IdentitiesPage } from './who-may-call.tsx';
import { followServer } from './live-line.ts';
import type { PageProps } from './page-parts.tsx';
import { WorkloadPage } from './workload-page.tsx';

export function ConsoleApp(): VNode {
  const state = useServer();
  const [place, go] = usePlace();
  useKeys(place, go);
  return (
    <PageFrame
      title="svidecar console"
      tagline={clusterWords(state.cluster)}
      actions={
        <>
          <LineBadge state={state} />
          <PageLinks place={place} />
        </>
      }
    >
      <ClusterNotices state={state} />
      <OnePage state={state} place={place} go={go} />
      <AnotherBrowser />
    </PageFrame>
  );
}

/** Milliseconds between two drawings: a roll-out changes many things a second, and nobody reads that fast. */
const drawMs = 100;

/** The first change is drawn at once, what comes soon after it together. */
function useServer(): ConsoleState {
  const [state, setState] = useState(nothingHeard);
  const newest = useRef(nothingHeard);
  useEffect(() => {
    let isDue = false;
    let drawnMs = 0;
    void followServer((next) => {
      newest.current = next(newest.current);
      if (isDue) return;
      isDue = true;
      setTimeout(
        () => {
          isDue = false;
          drawnMs = performance.now();
          setState(newest.current);
        },
        Math.max(0, drawnMs + drawMs - performance.now()),
      );
    });
  }, []);
  return state;
}

/** The place is the fragment: the back button, links and bookmarks work by themselves. */
function usePlace(): readonly [ConsolePlace, (place: ConsolePlace) => void] {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = (): void => {
      setPlace(placeOf(location.hash));
    };
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
    };
  }, []);
  const go = (next: ConsolePlace): void => {
    const fragment = fragmentOf(next);
    // Each letter in a filter would be a step back; a page, a namespace or a status is one.
    if (isSameStep(placeOf(location.hash), next)) history.replaceState(null, '', fragment);
    else location.hash = fragment;
    // The event of a changed fragment comes later: the next key is about what this one led to.
    setPlace(next);
  };
  return [place, go];
}

function isSameStep(before: ConsolePlace, next: ConsolePlace): boolean {
  if (before.page === 'coverage' && next.page === 'coverage')
    return before.choice.open === next.choice.open && before.choice.status === next.choice.status;
  if (before.page === 'identities' && next.page === 'identities')
    return before.about !== '' && next.about !== '';
  return false;
}

/** `/` goes to the filter; Esc leaves a workload for the list, as in k9s. */
function useKeys(place: ConsolePlace, go: (place: ConsolePlace) => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isTyping(event)) return;
      if (event.key === '/') {
        const filter = document.querySelector<HTMLInputElement>('[data-filter]');
        if (filter === null) return;
        event.preventDefault();
        filter.focus();
        filter.select();
      }
      if (event.key === 'Escape' && document.querySelector('dialog[open]') === null)
        leave(place, go);
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
    };
  }, [place]);
}

function isTyping({ target, key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return true;
  const field = target instanceof Element ? target.closest('input, textarea, select') : null;
  return field !== null && key !== 'Escape';
}

function leave(place: ConsolePlace, go: (place: ConsolePlace) => void): void {
  if (place.page === 'workload')
    go({ page: 'coverage', choice: { ...wholeCoverage, open: place.namespace } });
  if (place.page === 'coverage') go({ page: 'coverage', choice: wholeCoverage });
  if (place.page === 'identities') go({ page: 'identities', about: '' });
}

const links: readonly (readonly [ConsolePlace, string])[] = [
  [{ page: 'coverage', choice: wholeCoverage }, 'Coverage'],
  [{ page: 'identities', about: '' }, 'Identities'],
  [{ page: 'doctor' }, 'Doctor'],
  [{ page: 'certificates' }, 'Certificates'],
  [{ page: 'bans' }, 'Bans'],
];

function PageLinks({ place }: { readonly place: ConsolePlace }): VNode {
  const here = place.page === 'workload' ? 'coverage' : place.page;
  return (
    <nav aria-label="Pages" class="pages">
      {links.map(([target, label]) => (
        <a
          key={label}
          href={fragmentOf(target)}
          aria-current={target.page === here ? 'page' : undefined}
        >
          {label}
        </a>
      ))}
    </nav>
  );
}

function OnePage({ state, place, go }: PageProps & { readonly place: ConsolePlace }): VNode {
  switch (place.page) {
    case 'coverage':
      return <CoveragePage state={state} choice={place.choice} go={go} />;
    case 'workload':
      return (
        <WorkloadPage key={fragmentOf({ ...place, part: 'story' })} {...{ state, place, go }} />
      );
    case 'identities':
      return <IdentitiesPage state={state} about={place.about} go={go} />;
    case 'doctor':
      return <DoctorPage state={state} go={go} />;
    case 'certificates':
      return <CertificatesPage state={state} go={go} />;
    case 'bans':
      return <BansPage state={state} go={go} />;
    default:
      return place satisfies never;
  }
}
