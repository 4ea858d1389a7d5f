/** Whether a text is an IP address: then nobody is asked for it by DNS, and it is no server name. */

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const ipv4 = new RegExp(String.raw`^${octet}(?:\.${octet}){3}$`);

export function isIpv4(text: string): boolean {
  return ipv4.test(text);
}

/** Without brackets and without a zone. */
export function isIpv6(text: string): boolean {
  return (
    text.includes(':') && /^[0-9a-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]/`)
  );
}

export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}
