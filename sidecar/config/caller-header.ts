/** Headers that cannot carry the caller: HTTP or the helper has a use for them, or Envoy writes them behind the check. */

const reserved: ReadonlySet<string> = new Set([
  'authorization',
  'host',
  'connection',
  'content-length',
  'cookie',
  'te',
  'transfer-encoding',
  'expect',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'upgrade',
  'user-agent',
]);
/** With `-` for `_` and `.`, which servers take for the same. */
const ofEnvoy =
  /^(?:x-envoy-.*|x-forwarded-.*|x-request-id|x-client-trace-id|x-ot-span-context|x-b3-.*|b3|traceparent|tracestate|forwarded|via|x-real-ip)$/;

/** What is wrong with a header's name, in lower case, as an expectation that it does not meet; undefined when nothing is. */
export function callerHeaderFault(name: string): string | undefined {
  const plain = name.replaceAll(/[_.]/g, '-');
  if (reserved.has(plain)) return `an HTTP header name, none of ${[...reserved].join(', ')}`;
  if (!ofEnvoy.test(plain)) return undefined;
  return 'a header that Envoy does not write itself: x-envoy-*, x-forwarded-*, x-request-id, headers of tracing, forwarded, via and x-real-ip would take the place of the caller';
}
