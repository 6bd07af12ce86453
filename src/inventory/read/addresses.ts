import { type Address, addressHint, parseAddress, unusable } from '../addresses.js';
import { show } from '../show.js';
import { hostnameProblem } from '../words.js';
import type { Tree } from '../yaml/tree.js';
import type { Context, Located } from './context.js';
import { readScalar, readText } from './scalars.js';

function stripBrackets(text: string): string {
  return /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
}

/** An IP address that a host can have. */
export function readHostAddress(ctx: Context, tree: Tree, key: string): Located<Address> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  const address = parseAddress(stripBrackets(text));
  if (address === undefined) {
    const [withoutPrefix = ''] = text.split('/', 1);
    const hint =
      withoutPrefix !== text && parseAddress(withoutPrefix)
        ? `without a prefix: ${withoutPrefix}`
        : (addressHint(text) ??
          (text !== '' && hostnameProblem(text) === undefined && /[A-Za-z]/.test(text)
            ? 'an address on the virtual addresses\' network; a name for SSH goes into "ssh: { hostname: … }"'
            : undefined));
    ctx.problems.error(span, 'bad-address', `${show(text)} is not an IP address`, hint);
    return undefined;
  }
  const problem = unusable(address);
  if (problem === undefined) return { value: address, span };
  ctx.problems.error(span, 'bad-address', `no host can have ${text}, ${problem}`);
  return undefined;
}

export interface AddressWithPrefix extends Address {
  readonly prefix: number;
}

/** `ADDRESS/PREFIX`, as keepalived takes it. */
export function readVirtualAddress(ctx: Context, tree: Tree): Located<AddressWithPrefix> | undefined {
  const scalar = readScalar(ctx, tree, 'virtual_ipaddress', 'as in "192.168.64.200/24"');
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  const slash = text.indexOf('/');
  const written = slash === -1 ? text : text.slice(0, slash);
  const fail = (code: string, summary: string, hint?: string): undefined => {
    ctx.problems.error(span, code, summary, hint);
    return undefined;
  };
  const address = parseAddress(written);
  if (address === undefined) {
    const hint = /\s/.test(written)
      ? 'only ADDRESS/PREFIX; the interface is a key of the instance'
      : addressHint(written);
    return fail('bad-address', `${show(written)} is not an IP address`, hint);
  }
  const most = address.family === 4 ? 32 : 128;
  if (slash === -1) {
    const hint = `did you mean "${text}/${address.family === 4 ? 24 : 64}"?`;
    return fail('missing-prefix', `${text} has no prefix: the length of its network`, hint);
  }
  const prefix = text.slice(slash + 1);
  const length = /^[1-9]\d{0,2}$/.test(prefix) ? Number(prefix) : 0;
  if (length < 1 || length > most) {
    return fail(
      'bad-prefix',
      `the prefix of ${written} must be a number from 1 to ${most}, not ${show(prefix)}`,
    );
  }
  const problem = unusable(address);
  if (problem !== undefined)
    return fail('bad-address', `${address.text} cannot be a virtual address: it is ${problem}`);
  return { value: { ...address, prefix: length }, span };
}

/** A host name, or an IP address, where a program connects to. */
export function readHostname(ctx: Context, tree: Tree, key: string): Located<string> | undefined {
  const found = readText(ctx, tree, key, (text) => {
    if (parseAddress(stripBrackets(text))) return undefined;
    if (/^[\d.]+$/.test(text))
      return `is not an IP address${addressHint(text) ? ` (${addressHint(text)})` : ''}`;
    return hostnameProblem(text);
  });
  return found && { value: stripBrackets(found.value), span: found.span };
}
