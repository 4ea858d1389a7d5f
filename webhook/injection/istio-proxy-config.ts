/** What the annotation `proxy.istio.io/config` says: YAML or JSON of a ProxyConfig, as Istio's injector reads it. */
import { AppError } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { parseText } from '../editing/parse-text.ts';

export interface ProxyConfigSaid {
  readonly isUncaught: boolean;
  /** The agent's socket, as the proxy is told its name. */
  readonly socketFile: string | undefined;
}

const nothing: JsonObject = {};

/** Istio takes either spelling of a key, an enum's number for its name, and of several documents the first. */
export function proxyConfigSaid(text: string): ProxyConfigSaid {
  const config = readConfig(text);
  if (config === undefined) return guessed(text);
  const { interceptionMode: mode, interception_mode: sameMode } = config;
  const metadata = { ...objectAt(config, 'proxy_metadata'), ...objectAt(config, 'proxyMetadata') };
  return {
    isUncaught: [mode, sameMode].some((one) => one === 'NONE' || one === none),
    socketFile: stringAt(metadata, 'WORKLOAD_IDENTITY_SOCKET_FILE'),
  };
}

/** Characters. No ProxyConfig is that long, and reading a longer text would keep other pods waiting. */
const longest = 16_384;

/** @see istio.mesh.v1alpha1.ProxyConfig.InboundInterceptionMode */
const none = 2;

function readConfig(text: string): JsonObject | undefined {
  if (text.length > longest) return undefined;
  try {
    const [config = nothing] = parseText(text, 'proxy.istio.io/config', 'kubernetes');
    return isObject(config) ? config : nothing;
  } catch (thrown) {
    if (thrown instanceof AppError) return undefined;
    throw thrown;
  }
}

/** Of a text that Istio may read although we do not, such as one with a key twice. */
function guessed(text: string): ProxyConfigSaid {
  const file = /\bWORKLOAD_IDENTITY_SOCKET_FILE["']?\s*:\s*["']?([^"'\s,}]+)/.exec(text);
  return {
    isUncaught: /\binterception_?mode["']?\s*:\s*["']?(?:NONE|2)\b/i.test(text),
    socketFile: file?.[1],
  };
}
