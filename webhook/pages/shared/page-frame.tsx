/** What all pages have: a header with the choice of theme, and the main part. */
import './theme.css';
import { render, type ComponentChildren, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { chooseTheme, chosenTheme, followTheme, themeChoices } from './theme-choice.ts';

interface PageFrameProps {
  readonly title: string;
  /** One line beside the title. */
  readonly tagline?: ComponentChildren;
  /** Between title and theme: links, buttons. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function PageFrame({ title, tagline, actions, children }: PageFrameProps): VNode {
  return (
    <>
      <a class="button skip-link" href="#main" onClick={toMain}>
        Skip to the content
      </a>
      <header class="page-header">
        <h1>{title}</h1>
        <p class="tagline">{tagline}</p>
        {actions}
        <ThemeSwitch />
      </header>
      <main class="page-main" id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** By hand: the fragment of a page may carry its state. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function ThemeSwitch(): VNode {
  const [choice, setChoice] = useState(chosenTheme);
  return (
    <label>
      Theme{' '}
      <select
        value={choice}
        onChange={({ currentTarget }) => {
          const next = themeChoices.find((each) => each === currentTarget.value) ?? 'system';
          chooseTheme(next);
          setChoice(next);
        }}
      >
        {themeChoices.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Shows a page in the body's element `root`. */
export function showPage(page: VNode): void {
  const root = document.getElementById('root');
  if (root === null) throw new TypeError('the page has no element with the id root');
  followTheme();
  render(page, root);
}
