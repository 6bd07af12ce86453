import { FIREWALL, KEYS, SELINUX } from '../keys.js';
import { RANGE } from '../limits.js';
import type { Check, PackageWish, System } from '../model.js';
import { show } from '../show.js';
import { suggestion } from '../suggest.js';
import type { Context } from './context.js';
import type { Fields } from './fields.js';
import { readScalar } from './scalars.js';

export function readSystem(ctx: Context, owner: Fields): System {
  const fields = owner.fields('system', KEYS.system);
  const wishes = fields?.fields('packages', KEYS.packages);
  const packages = {
    haproxy: readWish(ctx, wishes, 'haproxy'),
    keepalived: readWish(ctx, wishes, 'keepalived'),
  };
  return {
    firewall: fields?.choice('firewall', FIREWALL)?.value ?? 'disable',
    selinux: fields?.choice('selinux', SELINUX)?.value ?? 'disabled',
    packages,
  };
}

/** `present`, `latest`, or a version in the characters that rpm and dpkg allow. */
function readWish(ctx: Context, fields: Fields | undefined, key: string): PackageWish {
  const entry = fields?.entry(key);
  const scalar = entry && readScalar(ctx, entry.value, key);
  if (scalar === undefined) return 'present';
  const { text, span } = scalar;
  if (text === 'present' || text === 'latest') return text;
  if (/^[0-9A-Za-z][0-9A-Za-z.+~:^_-]*$/.test(text) && /\d/.test(text)) return { version: text };
  const hint = suggestion(text, ['present', 'latest']);
  ctx.problems.error(
    span,
    'unknown-value',
    `"${key}" must be present, latest or a version, not ${show(text)}`,
    hint,
  );
  return 'present';
}

export function readCheck(ctx: Context, owner: Fields): Check {
  const fields = owner.fields('check', KEYS.check);
  const port = fields?.integer('port', RANGE.port);
  const interval = fields?.integer('interval', RANGE.checkSeconds);
  const timeout = fields?.integer('timeout', RANGE.checkSeconds);
  const weight = fields?.integer('weight', RANGE.checkWeight);
  const check: Check = {
    port: port?.value ?? 8405,
    interval: interval?.value ?? 1,
    timeout: timeout?.value ?? 1,
    fall: fields?.integer('fall', RANGE.checkCount)?.value ?? 2,
    rise: fields?.integer('rise', RANGE.checkCount)?.value ?? 2,
    weight: weight?.value ?? 0,
  };
  ctx.places.set(check, 'timeout', timeout?.span);
  ctx.places.set(check, 'weight', weight?.span);
  return check;
}
