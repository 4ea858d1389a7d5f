/** An Envoy configuration with other ports. @param places port in the text → port on this machine */
export function withPorts(text: string, places: Readonly<Record<number, number>>): string {
  return Object.entries(places).reduce(
    (config, [from, to]) =>
      config.replaceAll(new RegExp(`(port_value: )${from}\\b`, 'g'), `$1${to}`),
    text,
  );
}
