/**
 * Lays an image out as a folder that any builder takes, for whoever must build images with tools of their own: its files, and a
 * Dockerfile that copies them onto nothing.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolders, type Image } from './image-archive.ts';

/** @throws {Error} where there is something in the folder already, which would become part of the image */
export function writeImageFolder(folder: string, { layers, config }: Image): void {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new Error(`${folder} is not empty: name another folder, or remove it first`);
  const files = join(folder, 'files');
  mkdirSync(files, { recursive: true });
  // Builders take modes as they are here, and the caller's umask must not be in them.
  chmodSync(files, 0o755);
  for (const { path, mode, content } of withFolders(layers.flat())) {
    const file = join(files, path);
    if (content === undefined) mkdirSync(file);
    else writeFileSync(file, content);
    chmodSync(file, mode);
  }
  writeFileSync(join(folder, 'Dockerfile'), dockerfileOf(config));
}

function dockerfileOf({ Entrypoint, User, Env, Labels }: Image['config']): string {
  const variables = Env.map((each): [string, string] => {
    const equals = each.indexOf('=');
    return [each.slice(0, equals), each.slice(equals + 1)];
  });
  const lines = [
    'FROM scratch',
    'COPY files/ /',
    `USER ${User}`,
    ...variables.map(([name, value]) => `ENV ${name}=${quoted(value)}`),
    ...Object.entries(Labels).map(([name, value]) => `LABEL ${name}=${quoted(value)}`),
    `ENTRYPOINT ${JSON.stringify(Entrypoint)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A Dockerfile replaces variables inside double quotes. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\$]/g, String.raw`\$&`)}"`;
}
