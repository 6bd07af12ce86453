import { KEYS, MODES } from '../keys.js';
import type { Backend, Frontend, Haproxy } from '../model.js';
import type { Entry } from '../yaml/tree.js';
import { readAddressPort, readBinds } from './bind.js';
import type { Context } from './context.js';
import { Fields } from './fields.js';
import { readAcls, readBalance, readDirectives, readFreeLines, readUseBackend } from './lines.js';
import { readScalar } from './scalars.js';
import { readServers } from './servers.js';

export function readHaproxy(ctx: Context, owner: Fields, cluster: string): Haproxy {
  const hint = 'with its frontends and backends';
  const entry = owner.required('haproxy', `the cluster "${cluster}"`, hint);
  const fields = entry && Fields.open(ctx, entry, KEYS.haproxy);
  const configFile = fields?.path('config_file');
  if (fields?.given('config_file')) reportBesideConfigFile(ctx, fields);
  else
    fields?.required(
      'frontends',
      '"haproxy"',
      'as in frontends: { main: { bind: [80], default_backend: app } }',
    );
  const frontends = fields?.entry('frontends');
  if (frontends?.value.kind === 'map' && frontends.value.entries.size === 0) {
    ctx.problems.error(frontends.keySpan, 'missing-key', '"frontends" is empty: nothing would be served');
  }
  const haproxy: Haproxy = {
    configFile:
      configFile === undefined ? null : { path: configFile.value, source: configFile.span, loaded: null },
    global: readFreeLines(fields, 'global'),
    defaults: readFreeLines(fields, 'defaults'),
    frontends: (fields?.named('frontends') ?? []).map((item) => readFrontend(ctx, item)),
    backends: (fields?.named('backends') ?? []).map((item) => readBackend(ctx, item)),
    stats: readStats(ctx, fields),
  };
  ctx.places.set(haproxy, 'configFile', configFile?.span);
  ctx.places.set(haproxy, 'stats', fields?.entry('stats')?.keySpan);
  return haproxy;
}

function reportBesideConfigFile(ctx: Context, fields: Fields): void {
  for (const key of KEYS.haproxy) {
    const entry = key === 'config_file' ? undefined : fields.entry(key);
    if (entry === undefined) continue;
    const message = `"${key}" has no effect beside "config_file"`;
    ctx.problems.error(entry.keySpan, 'conflict', message, 'take out one of the two');
  }
}

function reportReservedName(ctx: Context, { key, keySpan }: Entry): void {
  if (!key.toLowerCase().startsWith('lbctl')) return;
  ctx.problems.error(
    keySpan,
    'reserved-name',
    `names that start with "lbctl" are taken: ${key}`,
    'choose another',
  );
}

/** A frontend whose mode is wrong counts as HTTP, as one that says nothing. */
function readFrontend(ctx: Context, entry: Entry): Frontend {
  const { key: name, keySpan: source } = entry;
  reportReservedName(ctx, entry);
  const fields = Fields.open(ctx, entry, KEYS.frontend);
  const bind = fields?.required('bind', `the frontend "${name}"`, 'as in bind: [80]');
  const useBackend = readUseBackend(fields);
  const defaultEntry = fields?.entry('default_backend');
  const defaultBackend = defaultEntry && readScalar(ctx, defaultEntry.value, 'default_backend');
  const mode = fields?.choice('mode', MODES);
  const frontend: Frontend = {
    name,
    bind: bind === undefined ? [] : readBinds(ctx, bind),
    mode: mode?.value ?? 'http',
    acl: readAcls(fields),
    useBackend: useBackend.map(({ value }) => value),
    defaultBackend: defaultBackend?.text ?? null,
    lines: readFreeLines(fields, 'lines'),
    source,
  };
  ctx.places.set(frontend, 'defaultBackend', defaultBackend?.span);
  useBackend.forEach(({ span }, index) => {
    ctx.places.set(frontend, `useBackend.${index}`, span);
  });
  const leads = ['default_backend', 'use_backend', 'lines'].some(
    (key) => fields?.given(key) || fields?.meant.has(key),
  );
  // A map that could not be read, or a route that was wrong, has been told already.
  ctx.places.set(frontend, 'route', leads || fields === undefined ? source : undefined);
  ctx.places.set(frontend, 'wrongMode', fields?.given('mode') && mode === undefined ? source : undefined);
  return frontend;
}

function readBackend(ctx: Context, entry: Entry): Backend {
  const { key: name, keySpan: source } = entry;
  reportReservedName(ctx, entry);
  const fields = Fields.open(ctx, entry, KEYS.backend);
  const mode = fields?.choice('mode', MODES);
  const backend: Backend = {
    name,
    mode: mode?.value ?? 'http',
    balance: readBalance(ctx, fields),
    option: readDirectives(fields, 'option', 'option').map(({ value }) => value),
    servers: fields === undefined ? [] : readServers(ctx, fields, name),
    lines: readFreeLines(fields, 'lines'),
    source,
  };
  ctx.places.set(backend, 'wrongMode', fields?.given('mode') && mode === undefined ? source : undefined);
  return backend;
}

function uriProblem(text: string): string | undefined {
  if (!text.startsWith('/')) return 'must start with "/"';
  return /^[A-Za-z0-9/_.~;:@&=+,%?-]+$/.test(text) ? undefined : 'holds a character that no URL path holds';
}

function readStats(ctx: Context, owner: Fields | undefined): Haproxy['stats'] {
  const fields = owner?.fields('stats', KEYS.stats);
  if (fields === undefined) return null;
  const entry = fields.entry('bind');
  const scalar = entry && readScalar(ctx, entry.value, 'bind');
  const place =
    scalar && readAddressPort(ctx, scalar, scalar.text, 'bind', 'ADDRESS:PORT, as in "127.0.0.1:8404"');
  // A wrong one stands as '': the checks pass over it.
  let bind = fields.given('bind') ? '' : '127.0.0.1:8404';
  if (place !== undefined) {
    const host =
      place.address === '*'
        ? '*'
        : place.address.family === 6
          ? `[${place.address.text}]`
          : place.address.text;
    bind = `${host}:${place.port}`;
  }
  const read = { bind, uri: fields.text('uri', uriProblem)?.value ?? '/stats' };
  ctx.places.set(read, 'bind', scalar?.span ?? fields.span);
  return read;
}
