/** Whether the packages that are installed are those of the lock file, by what npm wrote down and what they say themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

const next = 'make releases in a fresh clone, or run `npm ci`';

/** By their folders, as npm wrote them down. */
export function installedPackages(root: string): ReadonlyMap<string, JsonObject> {
  return packagesIn(join(root, 'node_modules/.package-lock.json'));
}

/** @throws {Error} which names the first that differs */
export function refuseOtherPackages(root = '.'): void {
  if (!existsSync(join(root, 'node_modules/.package-lock.json')))
    throw new Error(`npm installed no packages here: ${next}`);
  const locked = packagesIn(join(root, 'package-lock.json'));
  const installed = installedPackages(root);
  for (const [path, own] of installed)
    if (!isSame(own, locked.get(path)) || versionAt(join(root, path)) !== stringAt(own, 'version'))
      throw new Error(`${path} is not what package-lock.json names: ${next}`);
  for (const [path, own] of locked)
    if (path !== '' && own['optional'] !== true && !installed.has(path))
      throw new Error(`${path} is in package-lock.json, and not installed: ${next}`);
}

/** By their folders. */
function packagesIn(file: string): ReadonlyMap<string, JsonObject> {
  const packages = objectAt(read(file), 'packages');
  return new Map(
    Object.entries(packages).map(([path, each]) => [path, isObject(each) ? each : {}]),
  );
}

function read(file: string): JsonObject {
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return isObject(content) ? content : {};
}

function isSame(own: JsonObject, other: JsonObject | undefined): boolean {
  return own['version'] === other?.['version'] && own['integrity'] === other?.['integrity'];
}

function versionAt(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  return existsSync(file) ? stringAt(read(file), 'version') : undefined;
}
