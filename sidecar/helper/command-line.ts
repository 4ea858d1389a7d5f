/** The helper's arguments: those of the tutorial's helper, and two for people. */
import { parseArgs } from 'node:util';
import { settingsDirectory, settingsFile } from '../config/helper-contract.ts';

export type CommandLine =
  | { readonly kind: 'run'; readonly file: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly words: string };

const defaultFile = `${settingsDirectory}/${settingsFile}`;

export const usage = `usage: auth-helper [-config FILE]

Puts JWT-SVIDs into outgoing requests, or checks those of incoming ones, for Envoy's ext_authz filter.

  -config FILE   settings: svidecar's YAML, or the conf of the tutorial's helper (default ${defaultFile})
  -version       prints the version
  -help          prints this

Environment: SPIFFE_ENDPOINT_SOCKET says where the Workload API is, unless the settings do (unix:///path or
tcp://ip:port). POD_NAMESPACE, POD_NAME and SERVICE_ACCOUNT make messages about a missing registration entry exact.
LINGER_SECONDS: after SIGTERM it goes on for as long as a client is connected, so many seconds at most (default 25 with POD_NAME, else 0).

Exit codes: 0 stopped by a signal, after calls were finished; 1 a fault of the program; 2 wrong arguments;
3 settings cannot be read or are wrong; 4 an address cannot be listened on.
`;

/** Takes one dash, as Go programs do, or two. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const args = argv.map((one) => one.replace(/^-(?=(?:config|help|version)(?:=|$))/, '--'));
  const options = {
    config: { type: 'string', default: defaultFile },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const;
  try {
    const { values } = parseArgs({ args, options, allowPositionals: false });
    if (values.help === true) return { kind: 'help' };
    if (values.version === true) return { kind: 'version' };
    return { kind: 'run', file: values.config };
  } catch (thrown) {
    return { kind: 'wrong', words: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
