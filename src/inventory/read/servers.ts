import { addressHint, parseAddress } from '../addresses.js';
import { partOfLineProblem, splitLine } from '../haproxy-line.js';
import { KEYS } from '../keys.js';
import type { Server } from '../model.js';
import { show } from '../show.js';
import { hostnameProblem } from '../words.js';
import { type Entry, isNull, type Tree } from '../yaml/tree.js';
import { readPort } from './bind.js';
import type { Context } from './context.js';
import { Fields } from './fields.js';
import { readScalar } from './scalars.js';

export function readServers(ctx: Context, fields: Fields, backend: string): Server[] {
  const owner = `the backend "${backend}"`;
  const hint = 'as in servers: { web1: "192.168.64.136:80" }';
  const entry = fields.entry('servers');
  // Servers may as well come from lines such as server-template.
  if (entry === undefined && fields.given('lines')) return [];
  if (entry === undefined || (entry.value.kind === 'map' && entry.value.entries.size === 0)) {
    ctx.problems.error(entry?.keySpan ?? fields.span, 'no-servers', `${owner} has no servers`, hint);
    return [];
  }
  return fields.named('servers').map((server) => readServer(ctx, server));
}

/** A wrong address stands as ''. */
function readServer(ctx: Context, entry: Entry): Server {
  const { key: name, keySpan: source, value } = entry;
  const short = value.kind === 'scalar' && !isNull(value);
  const fields = short ? undefined : Fields.open(ctx, entry, KEYS.server);
  const written = short
    ? entry
    : fields?.required('address', `the server "${name}"`, 'as in "192.168.64.136:80"');
  const options = fields?.text('options', partOfLineProblem)?.value ?? '';
  const address = written && readServerAddress(ctx, written.value);
  const server: Server = {
    name,
    address: address ?? '',
    options,
    check: !splitLine(options).words.includes('no-check'),
    source,
  };
  ctx.places.set(server, 'address', written?.value.span);
  return server;
}

function readServerAddress(ctx: Context, tree: Tree): string | undefined {
  const scalar = readScalar(ctx, tree, 'address');
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  const fail = (summary: string, hint?: string): undefined => {
    ctx.problems.error(span, 'bad-address', summary, hint);
    return undefined;
  };
  if (/\s/.test(text.trim())) {
    return fail(
      `${show(text)} is not ADDRESS:PORT`,
      'options have a key of their own: { address: …, options: "…" }',
    );
  }
  const whole = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (whole !== undefined) {
    const hint = whole.family === 6 ? `as in "[${whole.text}]:80"` : `as in "${text}:80"`;
    return fail(`the server's address ${show(text)} has no port`, hint);
  }
  const match = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(text);
  if (match === null) {
    const hint = 'ADDRESS:PORT, NAME:PORT or "[IPV6]:PORT"';
    return fail(`${show(text)} is not ADDRESS:PORT`, hint);
  }
  const [, host = '', portText = ''] = match;
  const port = readPort(ctx, scalar, portText);
  if (host.startsWith('[')) {
    const address = parseAddress(host.slice(1, -1));
    if (address?.family !== 6) return fail(`${show(host)} is not an IPv6 address`);
    return port === undefined ? undefined : `[${address.text}]:${port}`;
  }
  if (/^[\d.]*$/.test(host) && parseAddress(host) === undefined) {
    return fail(`${show(host)} is not an IP address`, addressHint(host));
  }
  const problem = hostnameProblem(host);
  if (problem !== undefined) return fail(`the server's address ${show(host)} ${problem}`);
  return port === undefined ? undefined : `${host}:${port}`;
}
