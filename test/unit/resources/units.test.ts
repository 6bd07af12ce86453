import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { joinCommands, raw, sh } from '../../../src/base/shell.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import { tellUnits, unitProperties, unitsQuestion } from '../../../src/resources/probes/units.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-units-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A systemctl that writes down how it was called; properties come in systemd's order, not as they were asked for. */
function systemctl(code: string): void {
  writeFileSync(join(dir, 'systemctl'), `#!/bin/sh\necho "$*" >>${dir}/calls\n${code}\n`, { mode: 0o755 });
  writeFileSync(join(dir, 'calls'), '');
}

const SHOW = `[ "$1" = show ] && shift
first=1
for unit; do
  [ "$unit" = -p ] && break
  [ "$first" ] || echo
  first=
  echo "MainPID=\${#unit}"; echo "Id=$unit.service"; echo LoadState=loaded; echo "ActiveState=is-$unit"
done`;

function run(code: ReturnType<typeof raw>): string {
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
  return execFileSync('sh', ['-c', code.text.reveal()], { env, encoding: 'utf8' });
}

const calls = () => readFileSync(join(dir, 'calls'), 'utf8').split('\n').filter(Boolean);
const told = (unit: string) => joinCommands([raw('unit='), unitProperties(unit), raw('echo "$unit"')]);

const askUnits = (of: ReadonlySet<string>) => tellUnits(of, sh`asked_units=$(${unitsQuestion(of)})`);
const ASK_ALL = askUnits(new Set(['haproxy', 'keepalived', 'firewalld']));

describe('units asked about at once', () => {
  it.each(['haproxy', 'keepalived', 'firewalld'])('%s is told apart from the others', (unit) => {
    systemctl(SHOW);
    const before = run(joinCommands([ASK_ALL, told(unit)]));
    expect(calls()).toHaveLength(1);
    expect(before.trim().split('\n')).toEqual([
      `MainPID=${unit.length}`,
      `Id=${unit}.service`,
      'LoadState=loaded',
      `ActiveState=is-${unit}`,
    ]);
    // Alone it asks itself, and is told the same.
    expect(run(told(unit)).trim()).toBe(before.trim());
  });

  it('of those alone that somebody asks about', () => {
    systemctl(SHOW);
    const few = askUnits(new Set(['keepalived', 'node_exporter']));
    expect(run(joinCommands([few, told('keepalived')]))).toContain('Id=keepalived.service');
    expect(run(joinCommands([askUnits(new Set(['node_exporter'])), raw('echo done')]))).toBe('done\n');
    expect(calls()).toEqual([expect.stringMatching(/^show keepalived -p/)]);
  });

  it('a unit of another name is asked about by itself', () => {
    systemctl(SHOW);
    expect(run(joinCommands([ASK_ALL, told('node_exporter')]))).toContain('Id=node_exporter.service');
    expect(calls()).toHaveLength(2);
  });

  it('a systemctl that fails is unknown, not "inactive"', () => {
    systemctl('exit 1');
    const script = joinCommands([ASK_ALL, raw('set +e'), serviceProbe('haproxy').script]);
    expect(() => run(script)).toThrow();
    expect(calls()).toHaveLength(2);
  });
});
