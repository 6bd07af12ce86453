import { describe, expect, it } from 'vitest';
import { parsePlaybook } from '../../../src/playbook/parse.js';
import { RESOURCE_TYPES } from '../../../src/resources/registry.js';
import { upPlaybook } from '../support/converge.js';

describe('the playbook that ships', () => {
  const plays = upPlaybook();

  it('has HAProxy serve on every host before keepalived starts on any', () => {
    expect(plays.map(({ name, order, gates }) => [name, order, gates])).toEqual([
      ['prepare', 'parallel', []],
      ['upgrades', 'standby-first', ['one-holder-per-vip']],
      ['haproxy', 'standby-first', ['haproxy-serving']],
      ['keepalived', 'standby-first', ['keepalived-settled', 'one-holder-per-vip']],
    ]);
  });

  it('names every resource type', () => {
    const used = new Set(plays.flatMap(({ tasks }) => tasks.map((task) => task.type)));
    expect([...used].sort()).toEqual(Object.keys(RESOURCE_TYPES).sort());
  });

  it('writes each configuration before its service starts, and tells it to the service', () => {
    for (const name of ['haproxy', 'keepalived']) {
      const tasks = plays.find((play) => play.name === name)?.tasks ?? [];
      const config = tasks.findIndex((task) => task.type === `${name}_config`);
      const service = tasks.findIndex((task) => task.type === 'service' && task.args.name === name);
      expect(config).toBeGreaterThanOrEqual(0);
      expect(service).toBeGreaterThan(config);
      expect(tasks[config]?.notify).toEqual([`reload ${name}`]);
    }
  });
});

const RIGHT = `- play: haproxy
  order: standby-first
  tasks:
    - name: HAProxy configuration
      haproxy_config: {}
      notify: [reload haproxy]
    - service: { name: haproxy }
  gates: [haproxy-serving]
`;

/** `LINE:COLUMN summary` of every mistake. */
function mistakes(text: string): string[] {
  const result = parsePlaybook(text, 'x.yaml', '/srv');
  if (result.ok) return [];
  return result.error.map(
    ({ source, summary, hint }) =>
      `${source?.line}:${source?.column} ${summary}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

describe('a playbook', () => {
  it('is its plays and tasks; a task without a name is called by its type, a play without an order is parallel', () => {
    const result = parsePlaybook(RIGHT.replace('  order: standby-first\n', ''), 'x.yaml', '/srv');
    expect(result).toMatchObject({
      ok: true,
      value: [
        {
          name: 'haproxy',
          order: 'parallel',
          gates: ['haproxy-serving'],
          tasks: [
            { name: 'HAProxy configuration', type: 'haproxy_config', args: {}, notify: ['reload haproxy'] },
            { name: 'service', type: 'service', args: { name: 'haproxy' }, notify: [] },
          ],
        },
      ],
    });
  });

  it.each<[what: string, from: string, to: string, expected: RegExp[]]>([
    ['an unknown key of a play', '  gates:', '  gate:', [/^8:3 .*"gate".*gates/]],
    ['an unknown key of a task', '      notify:', '      notfiy:', [/^6:7 .*"notfiy".*notify/]],
    ['an unknown order', 'standby-first', 'standby-frist', [/^2:10 .*standby-first/]],
    ['an unknown gate', '[haproxy-serving]', '[haproxy-server]', [/^8:11 .*haproxy-serving/]],
    [
      'an unknown handler',
      '[reload haproxy]',
      '[reload haporxy]',
      [/^6:16 .*"haporxy".*did you mean "reload haproxy"/],
    ],
    [
      'an unknown resource type',
      'haproxy_config: {}',
      'haproxy_conf: {}',
      [/^5:7 .*"haproxy_conf".*haproxy_config/],
    ],
    ['no resource type', '      haproxy_config: {}\n', '', [/^4:7 a task names one resource type, not none/]],
    [
      'two resource types',
      '      haproxy_config: {}\n',
      '      haproxy_config: {}\n      sysctl: {}\n',
      [
        /^4:7 a task names one resource type, not haproxy_config and sysctl|^4:7 a task names one resource type, not sysctl and haproxy_config/,
      ],
    ],
    [
      'arguments where there are none',
      'haproxy_config: {}',
      'haproxy_config: { path: /x }',
      [/^5:25 .*"path"/],
    ],
    ['a missing argument', 'service: { name: haproxy }', 'service: {}', [/^7:\d+ .*"name"/]],
    ['no play name', '- play: haproxy\n  order', '- order', [/^1:3 .*"play"/]],
    ['no tasks', / {2}tasks:[\s\S]*haproxy \}\n/.exec(RIGHT)?.[0] ?? '', '', [/^1:3 .*"tasks"/]],
    [
      'tasks that are no list',
      RIGHT.slice(RIGHT.indexOf('    - name'), RIGHT.indexOf('  gates')),
      '    sysctl: {}\n',
      [/^4:5 "tasks" must be a list/],
    ],
    ['gates that are no list', '[haproxy-serving]', 'haproxy-serving', [/^8:10 "gates" must be a list/]],
    [
      'a key twice',
      '  order: standby-first\n',
      '  order: parallel\n  order: standby-first\n',
      [/^3:3 .*order/],
    ],
  ])('%s', (_, from, to, expected) => {
    expect(RIGHT).toContain(from);
    const found = mistakes(RIGHT.replace(from, () => to)).sort();
    expect(found).toHaveLength(expected.length);
    for (const each of expected) expect(found).toContainEqual(expect.stringMatching(each));
  });

  it.each([
    ['a mapping', 'play: x\n', /^1:1 a playbook is a list of plays, not a/],
    ['a list of texts', '- prepare\n', /^1:3 /],
    ['broken YAML', '- play: [\n', /^\d+:\d+ /],
  ])('that is %s', (_, text, expected) => {
    expect(mistakes(text)[0]).toMatch(expected);
  });

  it('with several mistakes: all of them at once', () => {
    const text = RIGHT.replace('standby-first', 'random')
      .replace('[haproxy-serving]', '[nothing]')
      .replace('name: haproxy', 'nmae: haproxy');
    expect(mistakes(text).map((it) => it.split(':')[0])).toEqual(expect.arrayContaining(['2', '7', '8']));
  });
});
