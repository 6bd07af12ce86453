import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.js';
import { chooseClusters } from '../../../src/commands/input.js';
import { inventoryOf, SMALLEST } from '../support/model.js';

/** Clusters web, shop and web.eu, each with lb1 and lb2. */
const [head = '', body = ''] = SMALLEST.split(/^ {2}web:\n/m);
const cluster = (name: string, net: string) => `  ${name}:\n${body.replaceAll('10.0.0.', `10.0.${net}.`)}`;
const inventory = inventoryOf(
  `${head}${cluster('web', '0')}${cluster('shop', '1')}${cluster('web.eu', '2')}`,
);

const choose = (pattern: string | undefined) =>
  chooseClusters(inventory, pattern).map(({ cluster: { name }, limit }) =>
    limit === null ? name : `${name}: ${[...limit].sort().join(' ')}`,
  );

describe('--limit', () => {
  it.each<[pattern: string | undefined, expected: string[]]>([
    [undefined, ['web', 'shop', 'web.eu']],
    ['web', ['web']],
    ['shop,web', ['web', 'shop']],
    [' web , shop ', ['web', 'shop']],
    ['web/lb1', ['web: lb1']],
    ['web/lb1,web/lb2', ['web: lb1 lb2']],
    ['web/lb1,shop/lb2', ['web: lb1', 'shop: lb2']],
    ['web/*', ['web: lb1 lb2']],
    ['*', ['web', 'shop', 'web.eu']],
    ['*/lb1', ['web: lb1', 'shop: lb1', 'web.eu: lb1']],
    ['w*', ['web', 'web.eu']],
    ['*b/lb*', ['web: lb1 lb2']],
    ['web/lb1,web', ['web']],
    ['web,web/lb1', ['web']],
    ['web.eu', ['web.eu']],
  ])('%s', (pattern, expected) => {
    expect(choose(pattern)).toEqual(expected);
  });

  it.each([
    ['nothing', 'nothing'],
    ['a part of a name', 'we'],
    ['a dot is a dot', 'webxeu'],
    ['an unknown host', 'web/lb3'],
    ['one of several', 'web,shpo'],
    ['an empty part', 'web,'],
    ['empty', ''],
    ['no host behind the slash', 'web/'],
    ['more than a cluster and a host', 'web/lb1/eth0'],
    ['what is special in a regular expression', 'web|shop'],
    ['another case', 'WEB'],
  ])('that meets no host (%s) is a mistake: exit 3, and what there is', (_, pattern) => {
    expect(() => choose(pattern)).toThrow(UserError);
    try {
      choose(pattern);
    } catch (error) {
      expect(error).toMatchObject({
        exitCode: 3,
        diagnostics: [{ code: 'bad-limit', hint: expect.stringContaining('web/lb1, web/lb2, shop/lb1') }],
      });
    }
  });
});
