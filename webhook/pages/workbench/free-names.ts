/** Names of files that are told apart: places such as `shop.yaml:12` lead to one file (pure). */

/** Two files of one name come from two folders, or from a link; the second `a.yaml` is `a-2.yaml`. Linear in their number. */
export function freeNames(): (name: string) => string {
  const taken = new Set<string>();
  /** By the name that was asked for. */
  const counts = new Map<string, number>();
  return (name) => {
    let count = counts.get(name) ?? 1;
    let free = name;
    while (taken.has(free)) {
      count += 1;
      free = numbered(name, count);
    }
    counts.set(name, count);
    taken.add(free);
    return free;
  };
}

function numbered(name: string, count: number): string {
  const dot = name.lastIndexOf('.');
  const end = dot === -1 ? name.length : dot;
  return `${name.slice(0, end)}-${count}${name.slice(end)}`;
}
