/** `svidecar completion`: scripts for shells and for kubectl, written from the command tree. */
import { Argument, Command, type Option } from 'commander';
import type { CliContext } from '../terminal.ts';

const shells = ['bash', 'zsh', 'fish', 'kubectl'] as const;
type Shell = (typeof shells)[number];

const examples = `
Examples:
  source <(svidecar completion bash)          in ~/.bashrc
  source <(svidecar completion zsh)           in ~/.zshrc, after compinit
  svidecar completion fish | source           in ~/.config/fish/config.fish

For "kubectl svidecar" kubectl asks a program on PATH:
  svidecar completion kubectl > ~/.local/bin/kubectl_complete-svidecar && chmod +x ~/.local/bin/kubectl_complete-svidecar`;

/** @param program is asked for its commands when the script is written */
export function completionCommand(context: CliContext, program: () => Command): Command {
  return new Command('completion')
    .summary('print a completion script for a shell')
    .description('Print a completion script for a shell, or for kubectl.')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .addHelpText('after', examples)
    .action((shell: Shell) => {
      context.terminal.out(scriptFor(shell, choicesOf(program())));
    });
}

function scriptFor(shell: Shell, choices: readonly Choices[]): string {
  switch (shell) {
    case 'bash':
    case 'zsh':
      return bashScript(choices, shell);
    case 'fish':
      return fishScript(choices);
    case 'kubectl':
      return kubectlScript(choices);
    default:
      return shell satisfies never;
  }
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
  return `${shell === 'zsh' ? 'autoload -Uz compinit bashcompinit && { whence compdef >/dev/null || compinit; } && bashcompinit\n' : ''}_svidecar() {
  local path="" word words="" current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    case "\${path:+$path }$word" in
      ${namesOf(choices).join('|')}) path="\${path:+$path }$word" ;;
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

/** Called by kubectl, whose answer ends with what the shell is to do: `:4` no files, `:0` files as well. */
function kubectlScript(choices: readonly Choices[]): string {
  const cases = choices.map(
    ({ path, words }) =>
      `  "${path.join(' ')}") words="${words.map(({ word }) => word).join(' ')}" ;;`,
  );
  return `#!/bin/sh
path=
while [ $# -gt 1 ]; do
  next="\${path:+$path }$1"
  case "$next" in
    ${namesOf(choices).join('|')}) path=$next ;;
  esac
  shift
done
case "$path" in
${cases.join('\n')}
esac
for word in $words; do
  case "$word" in "$1"*) echo "$word" ;; esac
done
case "$path,$1" in ,* | *,-*) echo :4 ;; *) echo :0 ;; esac
`;
}

/** Which command a line is at is worked out: `check` is one of its own, and one of `ban`. */
function fishScript(choices: readonly Choices[]): string {
  const lines = choices.flatMap(({ path, words }) =>
    words.map(({ word, help }) => fishLine(word, help, `__svidecar_at "${path.join(' ')}"`)),
  );
  return `function __svidecar_at
    set -l path ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$path $word")
        if contains -- $next ${namesOf(choices).join(' ')}
            set path $next
        end
    end
    test "$path" = "$argv[1]"
end
complete -c svidecar -e
complete -c svidecar -n '__svidecar_at ""' -f
${lines.join('\n')}
`;
}

/** Of all commands below the program, quoted for a shell. */
function namesOf(choices: readonly Choices[]): readonly string[] {
  return choices.flatMap(({ path }) => (path.length === 0 ? [] : [`"${path.join(' ')}"`]));
}

function fishLine(word: string, help: string, condition: string): string {
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
  const text =
    help === '' ? '' : ` -d '${help.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', ' ')}'`;
  return `complete -c svidecar -n '${condition}' ${what}${text}`;
}
