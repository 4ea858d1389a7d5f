/** Most names in a sentence of a check. */
const most = 5;

/** The first names, and how many more there are. */
export function firstNames(names: readonly string[]): string {
  const more = names.length > most ? `, and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}
