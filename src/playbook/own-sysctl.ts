import { readScalar } from '../inventory/read/scalars.js';
import { show } from '../inventory/show.js';
import { type Entry, isBroken, kindOf } from '../inventory/yaml/tree.js';
import type { OwnSysctl } from '../resources/own-task.js';
import type { PlaybookContext } from './context.js';

/** Those of lbctl's own file. */
const OURS = ['net.ipv4.ip_nonlocal_bind', 'net.ipv6.ip_nonlocal_bind'];

const KEY = /^[a-z][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_:@-]+)+$/;

/** `sysctl: { KEY: VALUE … }`: one thing to keep for each key. */
export function readOwnSysctls(context: PlaybookContext, { value }: Entry): OwnSysctl[] {
  const { problems } = context;
  if (isBroken(value)) return [];
  if (value.kind !== 'map') {
    const hint = 'as in "sysctl: { net.core.somaxconn: 8192 }"; "sysctl: {}" is lbctl\'s own task';
    problems.error(value.span, 'wrong-type', `"sysctl" must be a map, not ${kindOf(value)}`, hint);
    return [];
  }
  return [...value.entries.values()].flatMap((entry): OwnSysctl[] => {
    const { key, keySpan } = entry;
    if (!KEY.test(key)) {
      problems.error(
        keySpan,
        'bad-name',
        `${show(key)} is not a kernel setting`,
        'as in "net.core.somaxconn"',
      );
      return [];
    }
    if (OURS.includes(key.replaceAll('/', '.'))) {
      problems.error(
        keySpan,
        'managed-by-lbctl',
        `${show(key)} is set by lbctl's own "sysctl: {}"`,
        'leave it out here',
      );
      return [];
    }
    const scalar = readScalar(context, entry.value, key);
    if (scalar === undefined) return [];
    if (/^[!-~]+(?:[ \t]+[!-~]+)*$/.test(scalar.text)) return [{ type: 'sysctl', key, value: scalar.text }];
    const summary = `"${key}" must be one line of plain characters, not ${show(scalar.text)}`;
    problems.error(scalar.span, 'bad-value', summary);
    return [];
  });
}
