/** Whether the npm package and the archives of programs hold what those of a release hold, and nothing that npm would run. */
import { isObject, stringAt } from '#kernel/json.ts';
import { noticesFile } from '../third-party-notices.ts';
import { program, packageJson } from './npm-package.ts';
import type { Platform } from './release-files.ts';
import { jsonOf } from './verify-archives.ts';
import { demandPlatform } from './verify-programs.ts';

type Files = ReadonlyMap<string, Buffer>;

/** Where npm's archives have their files. */
export const packageFolder = 'package/';
export const packageProgram = `${packageFolder}${program}`;

/** All that is bundled, read or said. */
const inPackage = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|THIRD-PARTY-NOTICES|bin\/svidecar\.mjs)$/,
  /^webhook\/(?:main|parts\/[\w-]+)\.mjs$/,
  /^sidecar\/(?:(?:main|redis|settings)\.cjs|stand-ins\/main\.mjs)$/,
  /^dist\/pages\/[a-z]+\.html$/,
  /^templates\/[a-z0-9-]+\/(?:README\.md|template\.yaml)$/,
  /^manifests\/demo\/[a-z0-9-]+\.yaml$/,
];

/** @throws {Error} that names what is not of a package of this version */
export function lookIntoPackage(files: Files, version: string): void {
  const foreign = [...files.keys()].find(
    (path) =>
      !path.startsWith(packageFolder) ||
      !inPackage.some((own) => own.test(path.slice(packageFolder.length))),
  );
  if (foreign !== undefined)
    throw new Error(`it holds ${foreign}, which is no file of the package`);
  const bytes = files.get(`${packageFolder}package.json`) ?? Buffer.from('{}');
  const about = jsonOf(bytes, 'its package.json');
  const stated = isObject(about) ? stringAt(about, 'version') : undefined;
  if (stated !== version)
    throw new Error(
      `its package.json's version is ${stated ?? 'missing'}, and provenance.json states ${version}`,
    );
  const description = isObject(about) ? stringAt(about, 'description') : undefined;
  if (bytes.toString() !== packageJson(version, description ?? ''))
    throw new Error('its package.json says more than the one of a release, or something else');
}

export const programName = 'svidecar';

/** @throws {Error} that names what is missing, too much, or for another machine */
export function lookIntoProgram(files: Files, platform: Platform): void {
  const wanted = ['LICENSE', noticesFile, programName];
  if ([...files.keys()].join() !== wanted.join())
    throw new Error(`it holds ${[...files.keys()].join(', ')}, and must hold ${wanted.join(', ')}`);
  demandPlatform(programName, files.get(programName), platform);
}
