import ipaddr from 'ipaddr.js';

/** True where `address` lies in the network of `network`/`prefix`. False for addresses of another family. */
export function inSubnet(address: string, network: string, prefix: number): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValid(network)) return false;
  const one = ipaddr.parse(address);
  const other = ipaddr.parse(network);
  return one.kind() === other.kind() && one.match(other, prefix);
}

/** True where both are the same address, however each is written. */
export function sameAddress(one: string, other: string): boolean {
  if (!ipaddr.isValid(one) || !ipaddr.isValid(other)) return one === other;
  return ipaddr.parse(one).toNormalizedString() === ipaddr.parse(other).toNormalizedString();
}
