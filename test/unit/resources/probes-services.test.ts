import { describe, expect, it } from 'vitest';
import { checkRunProbe } from '../../../src/resources/probes/check-run.js';
import { haproxyProbe } from '../../../src/resources/probes/haproxy.js';
import { keepalivedProbe } from '../../../src/resources/probes/keepalived.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import { output, parsed, recorded, refusal } from '../support/facts.js';

describe('a service, by systemd', () => {
  const running = recorded('service/haproxy-running.txt');

  it('runs, as recorded: HAProxy by its newest process, keepalived by its last reload', () => {
    const haproxy = parsed(serviceProbe('haproxy'), running);
    expect(haproxy).toMatchObject({ exists: true, active: 'active', enabled: 'enabled', masked: false });
    const [up, newest] = [/Uptime=(.*)/, /[\s\S]*Start=(\d+)/].map((it) => Number(it.exec(running)?.[1]));
    expect(haproxy.loadedAge).toBeCloseTo((up ?? 0) - (newest ?? 0) / 100, 3);

    const text = recorded('service/keepalived-running.txt');
    const keepalived = parsed(serviceProbe('keepalived'), text);
    const [uptime, changed] = [/Uptime=(.*)/, /Monotonic=(\d+)/].map((it) => Number(it.exec(text)?.[1]));
    expect(keepalived.loadedAge).toBeCloseTo((uptime ?? 0) - (changed ?? 0) / 1e6, 3);
  });

  it('its age counts from the middle of the time in which the clocks were asked', () => {
    const age = (text: string) => parsed(serviceProbe('haproxy'), text).loadedAge ?? 0;
    const late = running.replace(/(Uptime=(\d+)\.(\d+)\n)/, (_, line, whole, part) => {
      return `${line}UptimeAfter=${Number(whole) + 1}.${part}\n`;
    });
    expect(age(late) - age(running)).toBeCloseTo(0.5, 3);
  });

  it('is not there, as recorded', () => {
    expect(parsed(serviceProbe('haproxy'), recorded('service/not-installed.txt'))).toEqual({
      exists: false,
      load: 'not-found',
      active: 'inactive',
      enabled: '',
      masked: false,
      mainPid: 0,
      needsDaemonReload: false,
      loadedAge: null,
    });
  });

  it.each([
    ['masked', /LoadState=loaded/, 'LoadState=masked', { masked: true }],
    ['masked until the reboot', /=enabled/, '=masked-runtime', { masked: true, enabled: 'masked-runtime' }],
    ['failed', /ActiveState=active/, 'ActiveState=failed', { active: 'failed' }],
    ['on older unit files', /NeedDaemonReload=no/, 'NeedDaemonReload=yes', { needsDaemonReload: true }],
    ['stopped', /MainPID=\d+/, 'MainPID=0', { loadedAge: null, mainPid: 0 }],
  ])('%s', (_, from, to, expected) => {
    expect(parsed(serviceProbe('haproxy'), running.replace(from, to))).toMatchObject(expected);
  });

  it.each([
    ['a failure', output(running, { exitCode: 1, stderr: 'Failed to connect to bus' })],
    ['nothing', output('')],
    ['no state', output(running.replace(/ActiveState=.*\n/, ''))],
    ['an empty state', output(running.replace(/ActiveState=.*\n/, 'ActiveState=\n'))],
    ['no clock: its age could not be compared', output(running.replace(/Uptime=.*\n/, 'Uptime=\n'))],
  ])('is unknown by %s', (_, answer) => {
    expect(refusal(serviceProbe('haproxy'), answer)).toMatch(/haproxy/);
  });
});

describe('VRRP, by the dump of the running keepalived', () => {
  const json = recorded('keepalived/json-master.txt');
  const data = recorded('keepalived/data-master.txt');
  const master = {
    instance: 'VI_1',
    state: 'MASTER',
    virtualRouterId: 51,
    priority: 250,
    effectivePriority: 250,
    duePriority: 250,
  };

  it('says the same as JSON and as text', () => {
    expect(parsed(keepalivedProbe, json)).toEqual({ running: true, switchover: 0, instances: [master] });
    expect(parsed(keepalivedProbe, data)).toEqual({ running: true, switchover: 0, instances: [master] });
    const backup = { ...master, state: 'BACKUP', priority: 240, effectivePriority: 240, duePriority: 240 };
    const list = parsed(keepalivedProbe, recorded('keepalived/json-backup.txt'));
    expect(list).toEqual({ running: true, switchover: 0, instances: [backup] });
  });

  it('with what a switchover takes off every priority; never below 1', () => {
    const [, body] = json.split(/\n(.*)/s);
    const due = (value: string) => {
      const facts = parsed(keepalivedProbe, `json ${value}\n${body}`);
      return facts.running ? [facts.switchover, facts.instances[0]?.duePriority] : null;
    };
    expect(due('-11')).toEqual([-11, 239]);
    expect(due('-254')).toEqual([-254, 1]);
    expect(due('nonsense')).toEqual([0, 250]);
  });

  it('in the form of newer versions', () => {
    const [kind, body] = json.split(/\n(.*)/s);
    expect(parsed(keepalivedProbe, `${kind}\n{"global_defs":{},"vrrp":${body}}`)).toEqual({
      running: true,
      switchover: 0,
      instances: [master],
    });
  });

  it.each([
    [
      'json',
      json.replace('"state":2', '"state":3').replace('"effective_priority":250', '"effective_priority":190'),
    ],
    [
      'data',
      data
        .replace(' State = MASTER', ' State = FAULT')
        .replace('Effective priority = 250', 'Effective priority = 190'),
    ],
  ])('a FAULT and a lowered priority, as %s', (_, text) => {
    const facts = parsed(keepalivedProbe, text);
    expect(facts).toEqual({
      running: true,
      switchover: 0,
      instances: [{ ...master, state: 'FAULT', effectivePriority: 190 }],
    });
  });

  it('several instances', () => {
    const [kind, body = ''] = json.trimEnd().split(/\n(.*)/s);
    const one = body.slice(1, -1);
    const both = `${kind}\n[${one},${one.replace('VI_1', 'VI_2')}]`;
    const chunk = data.slice(data.indexOf(' VRRP Instance'), data.indexOf('------< VRRP Sockpool'));
    const text = data.replace(chunk, chunk + chunk.replace('VI_1', 'VI_2'));
    for (const each of [both, text]) {
      expect(parsed(keepalivedProbe, each)).toEqual({
        running: true,
        switchover: 0,
        instances: [master, { ...master, instance: 'VI_2' }],
      });
    }
  });

  it('does not run', () => {
    expect(parsed(keepalivedProbe, 'not-running\n')).toEqual({ running: false });
  });

  it.each([
    ['a failure', output('', { exitCode: 1, stderr: 'keepalived wrote no dump within 3 s' })],
    ['nothing', output('')],
    ['half a dump as JSON', output(json.slice(0, 400))],
    ['JSON of something else', output('json\n{"error":1}')],
    ['JSON without a state', output(json.replace('"state":2,', ''))],
    ['JSON without a priority', output(json.replace('"effective_priority":250,', ''))],
    ['half a dump as text', output(data.slice(0, data.indexOf('Effective priority')))],
    ['a text without the instances', output('data\n------< Global definitions >------\n')],
  ])('is unknown by %s', (_, answer) => {
    expect(refusal(keepalivedProbe, answer)).toMatch(/keepalived/);
  });
});

describe('HAProxy, by its own statistics', () => {
  const probe = haproxyProbe(8405);
  const chunked = recorded('haproxy/chunked.txt');
  const dead = { serving: false, hung: false, frontends: [], servers: [] };

  it('serves, as recorded', () => {
    expect(parsed(probe, chunked)).toEqual({
      serving: true,
      reason: '',
      hung: false,
      frontends: ['main', 'lbctl_monitor'],
      servers: [
        { backend: 'app', server: 'web1', address: '10.213.188.31:80', status: 'UP' },
        { backend: 'app', server: 'web2', address: '10.213.188.32:80', status: 'UP' },
      ],
    });
  });

  it('says the same in many chunks, and in none', () => {
    const [head = '', body = ''] = chunked.split('\r\n\r\n');
    const csv = body.replace(/^[0-9A-F]+\r?\n/, '').replace(/\r?\n0\r?\n[\s\S]*$/, '');
    const pieces = csv.match(/[\s\S]{1,700}/g) ?? [];
    const chunks = pieces.map((it) => `${it.length.toString(16)};ext=1\r\n${it}\r\n`).join('');
    expect(pieces.length).toBeGreaterThan(2);
    const expected = parsed(probe, chunked);
    expect(parsed(probe, `${head}\r\n\r\n${chunks}0\r\n\r\n\nrc=0\n`)).toEqual(expected);
    const plain = head.replace('transfer-encoding: chunked', 'x: y');
    expect(parsed(probe, `${plain}\r\n\r\n${csv}\nrc=0\n`)).toEqual(expected);
  });

  it.each(['DOWN', 'UP 1/3', 'MAINT', 'no check', 'DRAIN'])('a server that is %s', (status) => {
    const text = chunked
      .replace(/(app,web2(?:,[^,]*){15},)UP/, `$1${status}`)
      .replace(/^A33\r?\n/m, 'FFFF\r\n');
    expect(parsed(probe, text).servers.map((it) => it.status)).toEqual(['UP', status]);
  });

  it('fields that are quoted', () => {
    const csv = '# pxname,svname,last_chk,status,addr\napp,web1,"a, ""b"" c",UP,10.0.0.1:80\n';
    const text = `HTTP/1.0 200 OK\r\n\r\n${csv}\nrc=0\n`;
    expect(parsed(probe, text).servers).toEqual([
      { backend: 'app', server: 'web1', address: '10.0.0.1:80', status: 'UP' },
    ]);
  });

  it.each([
    [
      'nothing listens, as recorded',
      recorded('haproxy/nothing-listens.txt'),
      'nothing listens on 127.0.0.1:8405',
    ],
    ['it hangs', '\nrc=124\n', 'its monitor on 127.0.0.1:8405 does not answer'],
    ['it hangs and had to be killed', '\nrc=137\n', 'its monitor on 127.0.0.1:8405 does not answer'],
    ['it closes without a word', '\nrc=0\n', 'its monitor on 127.0.0.1:8405 answers nothing'],
    [
      'somebody else answers',
      'HTTP/1.0 404 Not Found\r\n\r\n\nrc=0\n',
      'its monitor on 127.0.0.1:8405 answers "HTTP/1.0 404 Not Found"',
    ],
  ])('does not serve: %s', (_, text, reason) => {
    expect(parsed(probe, text)).toEqual({ ...dead, reason, hung: reason.endsWith('does not answer') });
  });

  it.each([
    ['nothing', ''],
    ['half of it', chunked.slice(0, 900)],
    ['a host without bash or timeout', '\nrc=127\n'],
  ])('is unknown by %s', (_, text) => {
    expect(refusal(probe, output(text))).toMatch(/HAProxy/);
  });
});

describe('the check script, run once', () => {
  const probe = checkRunProbe(1);

  it('passes, or says why not', () => {
    expect(parsed(probe, 'passed\n')).toBeNull();
    expect(parsed(probe, 'it fails with exit code 1\n')).toBe('it fails with exit code 1');
  });

  it.each([
    ['a failure', output('passed', { exitCode: 1, stderr: 'stat: x' })],
    ['nothing', output('')],
  ])('is unknown by %s', (_, answer) => {
    expect(refusal(probe, answer)).toMatch(/check script/);
  });
});
