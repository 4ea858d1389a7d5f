/** For the log only: where it broke. The message may quote an object or a request. */
export function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  const { name, message, stack = '' } = thrown;
  return `${name}${stack.slice(stack.indexOf(message) + message.length)}`;
}
