import { type Address, addressHint, parseAddress } from '../addresses.js';
import { partOfLineProblem, splitLine } from '../haproxy-line.js';
import { RANGE } from '../limits.js';
import type { Bind } from '../model.js';
import { show } from '../show.js';
import { type Entry, kindOf, type Scalar, type Tree } from '../yaml/tree.js';
import type { Context } from './context.js';
import { readList } from './fields.js';
import { readScalar } from './scalars.js';

const FORMS = 'the forms are PORT, ADDRESS:PORT and *:PORT, options behind; anything else goes into "lines"';

export function readBinds(ctx: Context, entry: Entry): Bind[] {
  const list = readList(ctx, entry);
  if (list?.items.length === 0) {
    ctx.problems.error(entry.keySpan, 'missing-key', '"bind" is empty', FORMS);
  }
  return (list?.items ?? []).flatMap((item) => readBind(ctx, item) ?? []);
}

function readBind(ctx: Context, tree: Tree): Bind | undefined {
  if (tree.kind !== 'scalar') {
    const hint = `${FORMS}; put a text that holds ": " or starts with "[" or "*" in quotes`;
    ctx.problems.error(
      tree.span,
      'wrong-type',
      `"bind" must be a list of texts, not of ${kindOf(tree).slice(2)}s`,
      hint,
    );
    return undefined;
  }
  const scalar = readScalar(ctx, tree, 'bind');
  if (scalar === undefined) return undefined;
  const problem = partOfLineProblem(scalar.text);
  if (problem !== undefined) {
    ctx.problems.error(scalar.span, 'bad-line', `"bind" ${problem}`);
    return undefined;
  }
  const text = scalar.text.trim();
  const [first = ''] = text.split(/[ \t]/, 1);
  const place = readListen(ctx, scalar, first);
  if (place === undefined) return undefined;
  const options = text.slice(first.length).trim();
  return { ...place, options, ssl: splitLine(options).words.includes('ssl'), source: scalar.span };
}

/** `PORT` or `ADDRESS:PORT`. */
function readListen(ctx: Context, scalar: Scalar, text: string): Pick<Bind, 'address' | 'port'> | undefined {
  if (/^-?[\d_]+$/.test(text)) {
    const port = readPort(ctx, scalar, text);
    return port === undefined ? undefined : { address: null, port };
  }
  const place = readAddressPort(ctx, scalar, text, 'bind', FORMS);
  return place && { address: place.address === '*' ? '*' : place.address.text, port: place.port };
}

export function readPort(ctx: Context, scalar: Scalar, text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= RANGE.port.min && port <= RANGE.port.max) return port;
  const message = `a port must be a whole number from ${RANGE.port.min} to ${RANGE.port.max}, not ${show(text)}`;
  const hint = /^\d+-\d+$/.test(text) ? 'ranges are not known: write one entry for each port' : undefined;
  ctx.problems.error(scalar.span, 'bad-port', message, hint);
  return undefined;
}

/** `ADDRESS:PORT`, `[IPV6]:PORT`, `*:PORT`, `:PORT`: something this host can listen on. */
export function readAddressPort(
  ctx: Context,
  scalar: Scalar,
  text: string,
  key: string,
  forms: string,
): { readonly address: Address | '*'; readonly port: number } | undefined {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0));
  if (colon === -1 || /[,@/]/.test(text)) {
    ctx.problems.error(scalar.span, 'bad-address', `${show(text)} is not what "${key}" takes`, forms);
    return undefined;
  }
  const port = readPort(ctx, scalar, text.slice(colon + 1));
  if (host === '' || host === '*') return port === undefined ? undefined : { address: '*', port };
  const address = parseAddress(/^\[.*\]$/.test(host) ? host.slice(1, -1) : host);
  if (address === undefined) {
    ctx.problems.error(
      scalar.span,
      'bad-address',
      `${show(host)} is not an IP address`,
      addressHint(host) ?? forms,
    );
    return undefined;
  }
  if (port === undefined) return undefined;
  return { address: address.text === '0.0.0.0' ? '*' : address, port };
}
