import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firewalldProbe, firewallResource } from '../../../src/resources/firewall.js';
import { keptProbe } from '../../../src/resources/probes/generation.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import { restoredFirewall } from '../../../src/resources/restore/states.js';
import type { Step } from '../../../src/resources/types.js';
import { closeUfw, openUfw, type UfwFacts, ufwProbe } from '../../../src/resources/ufw.js';
import { given, output, parsed, recorded, refusal } from '../support/facts.js';
import { clusterOf, hostOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const ACTIVE = recorded('ufw/active.txt');
const off: UfwFacts = { installed: true, active: false, open: [], ours: [], files: [], vrrp: [] };
const on: UfwFacts = { ...off, active: true };

describe('ufw, asked', () => {
  it('says what everybody may reach, and what of it is ours', () => {
    expect(parsed(ufwProbe, ACTIVE)).toEqual({
      ...{ installed: true, active: true },
      open: [
        [22, 22],
        [80, 80],
        [81, 81],
        [82, 84],
        [85, 85],
        [86, 86],
      ],
      ours: [80],
      files: ['/etc/ufw/before.rules'],
      vrrp: [4],
    });
  });

  it.each([
    ['status absent\n', { installed: false, active: false }],
    ["status inactive\nAdded user rules (see 'ufw status' for running firewall):\n(None)\n", off],
  ])('%j', (text, expected) => {
    expect(parsed(ufwProbe, text)).toMatchObject(expected);
  });

  it.each([
    ['a failure', output('status active\n', { exitCode: 1 })],
    ['nothing', output('')],
    ['another language', output('status aktiv\n')],
  ])('is unknown by %s', (_, text) => {
    expect(refusal(ufwProbe, text)).not.toBeNull();
  });
});

const told = (steps: readonly Step[]) =>
  steps.flatMap(
    ({ script }) => String(script).match(/(?<=ufw )(?:allow|delete) .*(?= >&2)|change \/.*/g) ?? [],
  );

describe('firewall: open, and ufw', () => {
  it.each<
    [what: string, found: UfwFacts, ports: number[], families: (4 | 6)[], missing: string[], steps: string[]]
  >([
    ['off', off, [80], [4], [], []],
    ['all is open', parsed(ufwProbe, ACTIVE), [80, 83, 86], [4], [], []],
    [
      'nothing is',
      on,
      [80, 443],
      [4],
      ['ufw lacks vrrp, 80/tcp, 443/tcp'],
      [
        'allow 80/tcp comment lbctl',
        'allow 443/tcp comment lbctl',
        "change /etc/ufw/before.rules '# BEGIN lbctl: VRRP",
      ],
    ],
    [
      'for some only',
      parsed(ufwProbe, ACTIVE),
      [87, 88, 89, 91, 92],
      [4],
      ['ufw lacks 87/tcp, 88/tcp, 89/tcp, 91/tcp, 92/tcp'],
      [87, 88, 89, 91, 92].map((it) => `allow ${it}/tcp comment lbctl`),
    ],
    [
      'IPv6',
      { ...on, vrrp: [4], open: [[80, 80]] },
      [80],
      [4, 6],
      ['ufw lacks vrrp'],
      ["change /etc/ufw/before6.rules '# BEGIN lbctl: VRRP"],
    ],
  ])('%s', (_, found, ports, families, missing, steps) => {
    const opened = openUfw(found, { ports, families });
    expect([opened.missing, told(opened.steps)]).toEqual([missing, steps]);
  });

  it('is one change with what the inventory binds', () => {
    const cluster = clusterOf(
      ['    vrrp_instances:', '    system: { firewall: open }\n    vrrp_instances:'],
      ['bind: [80]', 'bind: [80, "127.0.0.1:81"]'],
    );
    const none = parsed(firewalldProbe, 'installed no\n');
    const facts = given([firewalldProbe, none], [ufwProbe, on], [networkProbe, []]);
    const { change } = firewallResource({ cluster, host: hostOf(cluster, 'lb1'), authPass: new Map() }).plan(
      facts,
    );
    expect(change?.reason).toBe('ufw lacks vrrp, 80/tcp');
  });

  it('what lbctl added is taken out, and nothing else', () => {
    expect(told(closeUfw(parsed(ufwProbe, ACTIVE)))).toEqual([
      'delete allow 80/tcp',
      "change /etc/ufw/before.rules ''",
    ]);
    expect(closeUfw(on)).toEqual([]);
  });
});

describe('ufw after a run that went back', () => {
  const query = { by: 'since', number: 0 } as const;
  const resource = restoredFirewall(query);
  const firewalld = { active: 'inactive', enabled: '' };
  it.each<[was: string, now: UfwFacts, steps: string[]]>([
    ['yes', off, ['switch ufw on']],
    ['yes', on, []],
    ['no', off, []],
    // Its settings outlive the package.
    ['yes', { ...off, installed: false }, []],
  ])('that found it on: %s, now %j', (was, now, steps) => {
    const kept = { kind: 'kept', states: { ufw: was } };
    const facts = given([keptProbe(query), kept], [serviceProbe('firewalld'), firewalld], [ufwProbe, now]);
    expect(resource.plan(facts).change?.steps.map(({ title }) => title) ?? []).toEqual(steps);
  });
});

const RULES = `# rules.before
*filter
:ufw-before-input - [0:0]
-A ufw-before-input -i lo -j ACCEPT

# don't delete the 'COMMIT' line or these rules won't be processed
COMMIT
`;

describe.each(['dash', 'bash'])("ufw's file of rules, changed by %s", (shell) => {
  /** A host whose ufw loads what it is given, or does not. */
  function host({ loads = true, rules = RULES } = {}) {
    const folder = temporaryFolder();
    const file = join(folder, 'before.rules');
    writeFileSync(file, rules, { mode: 0o640 });
    writeFileSync(
      join(folder, 'ufw'),
      `#!/bin/sh\necho "$*" >>${folder}/said\n[ $1 != reload ] || exit ${loads ? 0 : 1}\n`,
    );
    chmodSync(join(folder, 'ufw'), 0o755);
    const run = (steps: readonly Step[]) =>
      steps.map(
        ({ script }) =>
          runShell(script, { shell, path: folder, replace: { '/etc/ufw/': `${folder}/` } }).exitCode,
      );
    const left = () => ['lbctl-new', 'lbctl-old'].filter((it) => existsSync(`${file}.${it}`));
    return {
      run,
      left,
      text: () => readFileSync(file, 'utf8'),
      mode: () => statSync(file).mode & 0o777,
      said: () => readFileSync(join(folder, 'said'), 'utf8'),
    };
  }
  const open = openUfw(on, { ports: [], families: [4] }).steps;
  const close = closeUfw({ ...on, files: ['/etc/ufw/before.rules'] });

  it('lets VRRP in, once, before the end, and is as it was afterwards', () => {
    const here = host();
    expect([here.run(open), here.run(open)]).toEqual([[0], [0]]);
    expect(here.text()).toBe(
      RULES.replace(
        /COMMIT\n$/,
        '# BEGIN lbctl: VRRP\n-A ufw-before-input -p 112 -j ACCEPT\n-A ufw-before-output -p 112 -j ACCEPT\n# END lbctl\nCOMMIT\n',
      ),
    );
    expect([here.mode(), here.left(), here.said()]).toEqual([0o640, [], 'reload\nreload\n']);
    expect(here.run(close)).toEqual([0]);
    expect([here.text(), here.left()]).toEqual([RULES, []]);
  });

  it('where ufw does not load it, the old one comes back and ufw is started anew', () => {
    const here = host({ loads: false });
    expect(here.run(open)).toEqual([1]);
    expect([here.text(), here.left(), here.said()]).toEqual([RULES, [], 'reload\n--force enable\n']);
  });

  it('a file of another kind is left alone', () => {
    const here = host({ rules: 'nothing to commit\n' });
    expect(here.run(open)).not.toEqual([0]);
    expect([here.text(), here.left()]).toEqual(['nothing to commit\n', []]);
  });
});
