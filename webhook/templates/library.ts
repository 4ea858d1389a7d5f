/** The templates of one configuration, by name and alias. */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import { readUsualShape } from './read-usual-shape.ts';
import { templateSchema, type Fragment, type Template } from './template-schema.ts';

export interface NamedTemplate extends Template {
  readonly name: string;
  /** Fragments of the included templates, then its own, with the name of the template each is written in. */
  readonly parts: readonly { readonly from: string; readonly fragment: Fragment }[];
}

export interface Library {
  /** Names that can be asked for, in alphabetical order. */
  readonly names: readonly string[];
  /** By name or alias. @throws {AppError} TEMPLATE_UNKNOWN with the known names */
  get(name: string): NamedTemplate;
}

/** @throws {AppError} TEMPLATE_INVALID with line and column, or with every wrong key. */
export function readTemplate(text: string, where: string): Template {
  return readUsualShape(text, { schema: templateSchema, code: 'TEMPLATE_INVALID' }, where);
}

/** A later template replaces an earlier one of its name. @throws {AppError} TEMPLATE_INVALID */
export function buildLibrary(templates: Readonly<Record<string, Template>>): Library {
  const byName = new Map<string, NamedTemplate>();
  for (const name of Object.keys(templates)) byName.set(name, assemble(name, templates));
  const aliases = new Map<string, string>();
  for (const [name, template] of byName) {
    for (const alias of template.aliases) aliases.set(alias, name);
  }
  const names = [...byName.values()]
    .filter((template) => !template.internal)
    .map((template) => template.name)
    .sort();
  return {
    names,
    get(name) {
      const template = byName.get(name) ?? byName.get(aliases.get(name) ?? '');
      if (template === undefined || template.internal) {
        const near = nearest(name, [...names, ...aliases.keys()]);
        const hint = near === undefined ? '.' : `; did you mean "${near}"?`;
        throw new AppError(
          'TEMPLATE_UNKNOWN',
          `there is no template "${name}"${hint} Known templates: ${names.join(', ')}`,
        );
      }
      return template;
    },
  };
}

function assemble(name: string, templates: Readonly<Record<string, Template>>): NamedTemplate {
  const parts: { from: string; fragment: Fragment }[] = [];
  const seen = new Set<string>();
  const visit = (current: string, path: readonly string[]): void => {
    if (seen.has(current)) return;
    const template = own(templates, current);
    if (template === undefined || path.includes(current)) {
      throw new AppError(
        'TEMPLATE_INVALID',
        `template "${name}" includes ${template === undefined ? `"${current}", which does not exist` : `itself: ${[...path, current].join(' → ')}`}`,
      );
    }
    for (const included of template.includes) visit(included, [...path, current]);
    seen.add(current);
    parts.push(...template.fragments.map((fragment) => ({ from: current, fragment })));
  };
  visit(name, []);
  const template = own(templates, name);
  if (template === undefined) throw new TypeError(`template ${name} vanished`);
  return { ...template, name, parts };
}
