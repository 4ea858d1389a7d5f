/** Light or dark: as the system has it, until the reader chooses. */

export const themeChoices = ['system', 'light', 'dark'] as const;
export type ThemeChoice = (typeof themeChoices)[number];

const storageKey = 'svidecar-theme';

/** Asked for when it is needed: a worker that reads this file has no such thing. */
function systemDark(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)');
}

/** What the reader chose here before. */
export function chosenTheme(): ThemeChoice {
  try {
    const stored = localStorage.getItem(storageKey);
    return themeChoices.find((each) => each === stored) ?? 'system';
  } catch {
    // A page from a file may have no storage.
    return 'system';
  }
}

/** Puts the choice into force, and keeps it for the next time. */
export function chooseTheme(choice: ThemeChoice): void {
  try {
    if (choice === 'system') localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, choice);
  } catch {
    // As above: it lasts as long as the page.
  }
  show(choice);
}

function show(choice: ThemeChoice): void {
  const isDark = choice === 'dark' || (choice === 'system' && systemDark().matches);
  document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
}

/** Shows the choice, and follows the system from now on. */
export function followTheme(): void {
  show(chosenTheme());
  systemDark().addEventListener('change', () => {
    show(chosenTheme());
  });
}
