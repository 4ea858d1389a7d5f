/** `svidecar render`: configuration, templates and registration entries as they really are in force. */
import { Command } from 'commander';
import { jsonText } from '#kernel/text.ts';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import type { NamedTemplate } from '../../templates/library.ts';
import { substitute, variablesIn, type Variables } from '../../templates/substitute.ts';
import { locate } from '../../request/locate.ts';
import { variablesFor } from '../../request/variables.ts';
import type { Engine } from '../../injection/inject.ts';
import { yamlOf } from '../../manifests/appended-documents.ts';
import { adminEntryCommand } from './render-admin-entry.ts';
import { entriesCommand } from './render-entries.ts';
import { envoyCommand } from './render-envoy.ts';
import { istioCommand } from './render-istio.ts';
import { networkPolicyCommand } from './render-network-policy.ts';
import {
  addConfigFlag,
  engineFrom,
  outputOption,
  type EngineFlags,
  defaultKubernetes,
} from '../options.ts';
import type { CliContext, Terminal } from '../terminal.ts';

interface RenderFlags {
  readonly config?: string;
  readonly output?: 'yaml' | 'json';
}

const examples = `
Examples:
  svidecar render config --config svidecar.yaml
  svidecar render templates
  svidecar render templates jwt-inject
  svidecar render entries shop.yaml --pod-label app`;

export function renderCommand(context: CliContext): Command {
  return new Command('render')
    .summary('print configuration, templates, registration entries or an Envoy')
    .description(
      'Print what is in force: configuration after defaults, templates after configuration, the registration\nentries that workloads need, and an Envoy for where there is no pod.',
    )
    .addHelpText('after', examples)
    .addCommand(configCommand(context))
    .addCommand(templatesCommand(context))
    .addCommand(entriesCommand(context))
    .addCommand(adminEntryCommand(context))
    .addCommand(envoyCommand(context))
    .addCommand(networkPolicyCommand(context))
    .addCommand(istioCommand(context));
}

function configCommand(context: CliContext): Command {
  const command = new Command('config')
    .summary('the configuration after defaults')
    .description('Print the configuration after defaults; a wrong key or value is told of.')
    .addOption(outputOption(['yaml', 'json'], 'how to print it'));
  return addConfigFlag(command).action((flags: RenderFlags) => {
    const { config } = engineOf(flags, context);
    print(config, flags, context.terminal);
  });
}

function templatesCommand(context: CliContext): Command {
  const command = new Command('templates')
    .summary('the templates after configuration')
    .description(
      "List the templates, or print one with the parts that it includes and the configuration's values filled in.\nWhat depends on the workload stays as ${name}.",
    )
    .argument('[name]', 'a template, or an alias of one')
    .addOption(outputOption(['yaml', 'json'], 'how to print a template'));
  return addConfigFlag(command).action((name: string | undefined, flags: RenderFlags) => {
    const engine = engineOf(flags, context);
    if (name !== undefined) {
      print(templateInForce(engine.library.get(name), engine), flags, context.terminal);
      return;
    }
    const templates = engine.library.names.map((each) => engine.library.get(each));
    context.terminal.out(templates.map(templateLine).join(''));
  });
}

function engineOf(flags: RenderFlags, context: CliContext): Engine {
  const engineFlags: EngineFlags = { ...flags, kubernetesVersion: defaultKubernetes };
  return engineFrom(engineFlags, context);
}

function print(value: object, flags: RenderFlags, terminal: Terminal): void {
  terminal.out(flags.output === 'json' ? jsonText(value) : yamlOf(value));
}

function templateLine({ name, aliases, description, requires }: NamedTemplate): string {
  const also = aliases.length === 0 ? '' : ` (also: ${aliases.join(', ')})`;
  const needs = requires
    .map((keys) => keys.map((key) => `svidecar.dev/${key}`).join(' or '))
    .map((keys) => `\n    needs ${keys}`);
  return `${name}${also}\n    ${description}${needs.join('')}\n`;
}

/** A template with what it includes; values that the configuration decides are filled in. */
function templateInForce(template: NamedTemplate, engine: Engine): JsonObject {
  const { name, description, aliases, requires } = template;
  const variables = configuredVariables(engine);
  const parts = template.parts.flatMap(({ from, fragment }): readonly Json[] => {
    // A checked fragment is JSON, but for undefined members.
    const json = JSON.parse(JSON.stringify(fragment)) as JsonObject;
    const filled = filledIn(json, withOthersKept(json, variables));
    return isObject(filled) ? [{ from, ...filled }] : [];
  });
  return { name, description, aliases, requires, parts };
}

/** What is repeated for each member of a list stays as it is written: the lists come with the workload. */
function filledIn(value: Json, variables: Variables): Json | undefined {
  if (isArray(value))
    return value
      .map((item) => filledIn(item, variables))
      .filter((item): item is Json => item !== undefined);
  if (!isObject(value)) return substitute(value, variables);
  if (value['$each'] !== undefined) return value;
  const members = Object.entries(value).map(
    ([key, member]) =>
      [key, member === undefined ? undefined : filledIn(member, variables)] as const,
  );
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** What the workload decides, or its annotations. */
const ofTheWorkload = [
  'namespace',
  'serviceAccount',
  'trustDomain',
  'spiffeId',
  'validateAudiences',
  'allowCallers',
  'federatesWith',
  'oneAudience',
  'nativeSidecar',
  'dataPath',
];

function configuredVariables(engine: Engine): Variables {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'any' }, spec: {} };
  const located = locate(pod, 'any');
  if (located === undefined) throw new TypeError('a Pod has a pod template');
  const variables = variablesFor(located, {}, engine);
  return Object.fromEntries(
    Object.entries(variables).filter(
      ([name, value]) => value !== undefined && !ofTheWorkload.includes(name),
    ),
  );
}

function withOthersKept(value: Json, variables: Variables): Variables {
  const kept = [...variablesIn(value)].map((name) => [name, `\${${name}}`] as const);
  const configured = Object.entries(variables).filter(
    ([, each]) => !isArray(each) || each.length > 0,
  );
  return { ...Object.fromEntries(kept), ...Object.fromEntries(configured) };
}
