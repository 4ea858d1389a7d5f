/** Reads tar archives of others, as npm's registry has them: ustar with a prefix, names in headers of pax or GNU before a file. */

const block = 512;

/** Files by path, without the first folder, whose name differs. Links are left out, as npm leaves them out. */
export function filesOfForeign(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  let named: string | undefined;
  for (let at = 0; at + block <= archive.length && archive[at] !== 0;) {
    const header = archive.subarray(at, at + block);
    const size = Number.parseInt(text(header, 124, 12), 8);
    const content = archive.subarray(at + block, at + block + size);
    const type = text(header, 156, 1);
    if (type === '' || type === '0')
      files.set((named ?? nameIn(header)).replace(/^\/*[^/]*\/+/, ''), content);
    named = type === 'x' || type === 'L' ? longName(type, content, named) : undefined;
    at += block + Math.ceil(size / block) * block;
  }
  return files;
}

function text(header: Buffer, from: number, size: number): string {
  return header.toString('utf8', from, from + size).replace(/\0[^]*$/, '');
}

function nameIn(header: Buffer): string {
  const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : '';
  return prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
}

/** For the file that follows; pax may say something else of it than its name. */
function longName(type: string, content: Buffer, before: string | undefined): string | undefined {
  if (type === 'L') return content.toString('utf8').replace(/\0[^]*$/, '');
  return /^\d+ path=(.*)$/m.exec(content.toString('utf8'))?.[1] ?? before;
}
