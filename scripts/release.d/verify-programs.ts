/** Which machine a program is for, by its first bytes. */
import type { Platform } from './release-files.ts';

/** At the start of the file; where the machine is written down; what stands there. @see elf(5), mach-o/loader.h */
const machines: readonly (readonly [Platform, start: string, at: number, machine: string])[] = [
  ['linux-x64', '7f454c460201', 18, '3e00'],
  ['linux-arm64', '7f454c460201', 18, 'b700'],
  ['darwin-x64', 'cffaedfe', 4, '07000001'],
  ['darwin-arm64', 'cffaedfe', 4, '0c000001'],
];

/** @returns undefined where it is a program for none of ours */
function platformOf(program: Buffer): Platform | undefined {
  const bytes = program.toString('hex', 0, 64);
  return machines.find(
    ([, start, at, machine]) => bytes.startsWith(start) && bytes.startsWith(machine, 2 * at),
  )?.[0];
}

/** @throws {Error} where it is for another */
export function demandPlatform(path: string, program: Buffer | undefined, wanted: Platform): void {
  const is = program === undefined ? undefined : platformOf(program);
  if (is !== wanted)
    throw new Error(
      `${path} is ${is === undefined ? 'no program' : `one for ${is}`}, not one for ${wanted}`,
    );
}
