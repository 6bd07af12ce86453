import ipaddr from 'ipaddr.js';

export interface Address {
  readonly family: 4 | 6;
  /** In the usual spelling: two that are equal are spelled the same. */
  readonly text: string;
}

const OCTET = '(?:0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** An IPv4 address in four decimal parts, or an IPv6 address without brackets and zone. */
export function parseAddress(text: string): Address | undefined {
  // ipaddr.js reads 010.0.0.1 as octal: only the strict form gets there.
  if (IPV4.test(text)) return { family: 4, text };
  if (text.length > 45 || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  return { family: 6, text: ipaddr.IPv6.parse(text).toString() };
}

/** Why a text that is no address is none, where that can be told. */
export function addressHint(text: string): string | undefined {
  if (/^\d+(?:\.\d+){3}$/.test(text)) {
    if (/(?:^|\.)0\d/.test(text)) return 'a leading zero means octal to some programs: leave it out';
    return 'each of the four numbers is at most 255';
  }
  if (/^\d+(?:\.\d+)*$/.test(text)) return 'an IPv4 address has four numbers';
  if (text.includes('%')) return 'leave out the zone behind the %';
  return undefined;
}

/** Why no host and no virtual address can have this address. */
export function unusable(address: Address): string | undefined {
  switch (ipaddr.parse(address.text).range()) {
    case 'unspecified':
      return 'the unspecified address';
    case 'loopback':
      return 'a loopback address';
    case 'multicast':
      return 'a multicast address';
    case 'broadcast':
      return 'the broadcast address';
    default:
      return undefined;
  }
}

export function isLoopback(text: string): boolean {
  return ipaddr.isValid(text) && ipaddr.parse(text).range() === 'loopback';
}

/** Whether the address lies in the network that the other address and its prefix name. */
export function inNetwork(text: string, network: string, prefix: number): boolean {
  const address = ipaddr.parse(text);
  const other = ipaddr.parse(network);
  return address.kind() === other.kind() && address.match(other, prefix);
}

/** Network and broadcast address of an IPv4 network. */
export function networkEnds(
  text: string,
  prefix: number,
): { readonly network: string; readonly broadcast: string } {
  return {
    network: ipaddr.IPv4.networkAddressFromCIDR(`${text}/${prefix}`).toString(),
    broadcast: ipaddr.IPv4.broadcastAddressFromCIDR(`${text}/${prefix}`).toString(),
  };
}
