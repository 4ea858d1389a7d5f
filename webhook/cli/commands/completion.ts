/** `svidecar completion`: scripts for shells, written from the command tree. */
import { Argument, Command, type Option } from 'commander';
import type { CliContext } from '../terminal.ts';

const examples = `
Examples:
  source <(svidecar completion bash)
  source <(svidecar completion zsh)
  svidecar completion fish | source`;

/** @param program is asked for its commands when the script is written */
export function completionCommand(context: CliContext, program: () => Command): Command {
  return new Command('completion')
    .summary('print a completion script for a shell')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', examples)
    .action((shell: 'bash' | 'zsh' | 'fish') => {
      const choices = choicesOf(program());
      context.terminal.out(shell === 'fish' ? fishScript(choices) : bashScript(choices, shell));
    });
}

interface Choices {
  /** Names of the commands down to this one, without the program's. */
  readonly path: readonly string[];
  readonly words: readonly { readonly word: string; readonly help: string }[];
}

/** For each command what may follow it: its commands, the values of its arguments, and its options. */
function choicesOf(command: Command, path: readonly string[] = []): readonly Choices[] {
  const words = [
    ...command.commands.map((each) => ({ word: each.name(), help: each.summary() })),
    ...command.registeredArguments.flatMap(({ argChoices = [] }) =>
      argChoices.map((word) => ({ word, help: '' })),
    ),
    ...command.options.flatMap(optionWords),
    { word: '--help', help: 'display help for command' },
  ];
  const below = command.commands.flatMap((each) => choicesOf(each, [...path, each.name()]));
  return [{ path, words }, ...below];
}

function optionWords({ long, description }: Option): Choices['words'] {
  return long == null ? [] : [{ word: long, help: description }];
}

/** Words are our own names: letters, digits and hyphens, so nothing needs quoting. */
function bashScript(choices: readonly Choices[], shell: 'bash' | 'zsh'): string {
  const cases = choices.map(
    ({ path, words }) =>
      `    "${path.join(' ')}") words="${words.map(({ word }) => word).join(' ')}" ;;`,
  );
  const names = choices.flatMap(({ path }) => (path.length === 0 ? [] : [`"${path.join(' ')}"`]));
  return `${shell === 'zsh' ? 'autoload -Uz bashcompinit && bashcompinit\n' : ''}_svidecar() {
  local path="" word words="" current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${names.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n "$path" && "$current" != -* ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _svidecar svidecar
`;
}

function fishScript(choices: readonly Choices[]): string {
  const lines = choices.flatMap(({ path, words }) => {
    const below = choices
      .filter((each) => each.path.length === path.length + 1 && isBelow(each.path, path))
      .map((each) => each.path.at(-1) ?? '');
    const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
    const notSeen =
      below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`];
    const condition = [...seen, ...notSeen].join('; and ');
    return words.map(({ word, help }) => fishLine(word, help, condition));
  });
  return `${lines.join('\n')}\n`;
}

function isBelow(path: readonly string[], parent: readonly string[]): boolean {
  return parent.every((name, index) => path[index] === name);
}

function fishLine(word: string, help: string, condition: string): string {
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
  const text =
    help === '' ? '' : ` -d '${help.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', ' ')}'`;
  return `complete -c svidecar -n '${condition}' ${what}${text}`;
}
