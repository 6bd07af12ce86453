import { describe, expect, it } from 'vitest';
import { err, ok } from '../../../src/base/result.js';
import { formatSourceDiagnostics } from '../../../src/inventory/print.js';
import type { Task } from '../../../src/playbook/model.js';
import { parsePlaybook } from '../../../src/playbook/parse.js';

const SOURCES: Record<string, Buffer> = {
  '/srv/pb/motd': Buffer.from('hello\n'),
  '/srv/pb/blob': Buffer.from([0x7f, 0x45, 0, 0xff]),
  '/srv/pb/latin1': Buffer.from([0xe4, 0x0a]),
  '/srv/pb/long': Buffer.from('x'.repeat(300 * 1024)),
  '/home/op/note': Buffer.from('at home'),
};

function parse(text: string) {
  return parsePlaybook(text, 'own.yaml', '/srv/pb', {
    home: '/home/op',
    readSource: (path) => {
      const bytes = SOURCES[path];
      return bytes === undefined ? err('does not exist') : ok(bytes);
    },
  });
}

/** The tasks of one play, written without their indentation. */
function tasks(lines: string): readonly Task[] {
  const result = parse(`- play: own\n  tasks:\n${lines.replace(/^/gm, '    ')}\n`);
  if (!result.ok) throw new Error(formatSourceDiagnostics(result.error, lines));
  return result.value.flatMap((play) => play.tasks);
}

function mistakes(text: string): string[] {
  const result = parse(text);
  if (result.ok) return [];
  return result.error.map(
    ({ source, summary, hint }) =>
      `${source?.line}:${source?.column} ${summary}${hint === undefined ? '' : ` | ${hint}`}`,
  );
}

const own = (lines: string) => tasks(lines).map((task) => task.own);

describe("an operator's own tasks", () => {
  it('package', () => {
    expect(own('- package: { name: node-exporter }\n- package: { name: "g++", state: present }')).toEqual([
      { type: 'package', name: 'node-exporter' },
      { type: 'package', name: 'g++' },
    ]);
  });

  it('service: enabled and running unless it says otherwise', () => {
    expect(
      own('- service: { name: foo.service }\n- service: { name: bar.timer, enabled: no, running: false }'),
    ).toEqual([
      { type: 'service', name: 'foo', enabled: true, running: true },
      { type: 'service', name: 'bar.timer', enabled: false, running: false },
    ]);
  });

  it("service: HAProxy's and keepalived's stay lbctl's own", () => {
    const [haproxy, keepalived] = tasks(
      '- service: { name: haproxy }\n- service: { name: keepalived.service, enabled: yes }',
    );
    expect(haproxy).toMatchObject({ type: 'service', args: { name: 'haproxy' } });
    expect(haproxy).not.toHaveProperty('own');
    expect(keepalived).toMatchObject({ type: 'service', args: { name: 'keepalived' } });
  });

  it('file: from a source beside the playbook, or from its content', () => {
    const root = { owner: 'root', group: 'root' };
    expect(
      own(`- file: { path: /etc/motd, source: motd }
- file: { path: /etc/a, content: "", mode: 600, owner: haproxy, group: adm }
- file: { path: /etc/b, source: ~/note, secret: yes }`),
    ).toEqual([
      { type: 'file', path: '/etc/motd', body: text('hello\n'), mode: '0644', ...root },
      { type: 'file', path: '/etc/a', body: text(''), mode: '0600', owner: 'haproxy', group: 'adm' },
      { type: 'file', path: '/etc/b', body: text('at home', true), mode: '0644', ...root },
    ]);
  });

  it.each(['blob', 'latin1', 'long'])('file: %s is compared by its hash', (source) => {
    const [file] = own(`- file: { path: /x, source: ${source} }`);
    const bytes = SOURCES[`/srv/pb/${source}`];
    expect(file).toMatchObject({ body: { kind: 'bytes', size: bytes?.length } });
    if (file?.type !== 'file' || file.body.kind !== 'bytes') throw new Error('no bytes');
    expect(Buffer.from(file.body.base64, 'base64')).toEqual(bytes);
  });

  it("sysctl: one thing for each key; without keys it is lbctl's own", () => {
    const found = tasks(`- name: Tuning
  sysctl: { net.core.somaxconn: 8192, net.ipv4.tcp_rmem: "4096 131072 6291456" }
- sysctl: {}`);
    expect(found.map((task) => task.own)).toEqual([
      { type: 'sysctl', key: 'net.core.somaxconn', value: '8192' },
      { type: 'sysctl', key: 'net.ipv4.tcp_rmem', value: '4096 131072 6291456' },
      undefined,
    ]);
    expect(found.map(({ name }) => name)).toEqual(['Tuning', 'Tuning', 'sysctl']);
  });

  it('command: lines for the shell as they stand', () => {
    expect(
      own(`- name: Say "hi" (twice)
  command:
    run: |
      echo "\${HOME} $$ $(id)"
      echo 'b'
    creates: /var/lib/said
- name: other
  command: { run: a, unless: b, timeout: 5 }`),
    ).toEqual([
      {
        type: 'command',
        name: 'Say-hi-twice',
        run: `echo "\${HOME} $$ $(id)"\necho 'b'\n`,
        creates: '/var/lib/said',
        unless: null,
        timeout: 300,
      },
      { type: 'command', name: 'other', run: 'a', creates: null, unless: 'b', timeout: 5 },
    ]);
  });

  it('are called by what they are where they have no name', () => {
    expect(
      tasks('- file: { path: /etc/motd, content: a }\n- package: { name: b }').map(({ name }) => name),
    ).toEqual(['file:/etc/motd', 'package:b']);
  });

  it('a service knows the files that notify it', () => {
    const found = tasks(`- file: { path: /etc/foo, content: a }
  notify: [restart foo.service, reload haproxy]
- file: { path: /etc/bar, content: a }
  notify: [reload foo]
- service: { name: foo }
- service: { name: haproxy }`);
    expect(found.map(({ notify }) => notify).slice(0, 2)).toEqual([
      ['restart foo', 'reload haproxy'],
      ['reload foo'],
    ]);
    expect(found.map(({ watches }) => watches)).toEqual([
      undefined,
      undefined,
      [
        { path: '/etc/foo', handler: 'restart foo' },
        { path: '/etc/bar', handler: 'reload foo' },
      ],
      [{ path: '/etc/foo', handler: 'reload haproxy' }],
    ]);
  });
});

function text(content: string, secret = false) {
  return { kind: 'text', text: content, secret };
}

describe('mistakes, all at once', () => {
  it.each<[string, string[]]>([
    ['pakage: { name: a }', ['3:7 "pakage" is not a key of "task" | did you mean "package"?']],
    ['package: { nam: a }', ['3:18 "nam" is not a key of "package" | did you mean "name"?']],
    ['package: {}', ['3:7 "package" needs "name" | as in "package: { name: chrony }"']],
    ['package: [a]', ['3:16 "package" must be a map, not a list | with the keys name, state']],
    ['package: { name: a, state: latest }', ['3:34 "state" cannot be "latest" | possible: present']],
    ['service:', ['3:7 "service" needs "name" | as in "service: { name: chronyd }"']],
    ['service: { name: -a }', []],
    ['sysctl: [a]', []],
    ['sysctl: { swappiness: 1 }', ['3:17 "swappiness" is not a kernel setting | as in "net.core.somaxconn"']],
    ['file: { path: /a, source: motdd }', []],
    ['file: { path: a, content: b }', ['3:21 "path" must be an absolute path: it is one on the host: "a"']],
    ['file: { path: /a/../b, content: b }', []],
    ['file: { path: /a, content: b, mode: u+x }', ['3:43 "mode" must be an octal mode, as in 0644: "u+x"']],
    ['file: { path: /a, content: b, owner: 12 }', ['3:44 "owner" must be a name, not a number: "12"']],
    ['file: { path: /a, content: b, source: motd }', []],
    ['file: { path: /a, content: "\\0" }', ['3:34 "content" holds a NUL character']],
    ['file: { path: /etc/keepalived/keepalived.conf, content: b }', []],
    ['file: { path: /var/lib/lbctl/lock, content: b }', []],
    ['command: { run: a, creates: /a }', []],
  ])('%s', (line, expected) => {
    const found = mistakes(`- play: own\n  tasks:\n    - ${line}\n`);
    expect(found).toHaveLength(1);
    if (expected.length > 0) expect(found).toEqual(expected);
    else expect(found[0]).toMatchSnapshot();
  });

  it('commands', () => {
    expect(
      mistakes(`- play: own
  tasks:
    - name: a
      command: { run: x }
    - name: b
      command: { run: x, creates: /a, unless: y }
    - name: c
      command: { creates: /a, timeout: 0 }
    - name: d
      command: { run: "", unles: y }
`),
    ).toMatchSnapshot();
  });

  it('handlers and things that are there twice', () => {
    expect(
      mistakes(`- play: own
  tasks:
    - file: { path: /a, content: b }
      notify: [restart foo, restart fooo, restart haproxy, reload haproxi, bounce, restart off]
    - file: { path: /a, content: c }
    - service: { name: foo }
    - service: { name: off, running: no }
    - sysctl: { net.core.somaxconn: 1 }
- play: more
  tasks:
    - service: { name: foo.service }
    - service: { name: keepalived, running: no }
    - sysctl: { net/core/somaxconn: 2, net.ipv4.ip_nonlocal_bind: 0 }
`),
    ).toMatchSnapshot();
  });

  it('a source that cannot be read without a reader', () => {
    const result = parsePlaybook(
      '- play: a\n  tasks:\n    - file: { path: /a, source: motd }\n',
      'f',
      '/srv',
    );
    expect(result.ok).toBe(false);
  });
});
