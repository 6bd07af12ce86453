import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FileBody, type OwnFile, ownTaskResource } from '../../../src/resources/own-task.js';
import { type FileFacts, fileProbe } from '../../../src/resources/probes/file.js';
import { existsProbe, type HashFacts, hashProbe } from '../../../src/resources/probes/hash.js';
import type { Probe, Resource } from '../../../src/resources/types.js';
import { given, output, refusal } from '../support/facts.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const ROOT = { owner: 'root', group: 'root' };

function resourceOf(body: FileBody, rest: Partial<OwnFile> = {}): Resource {
  const task: OwnFile = { type: 'file', path: '/etc/motd', body, mode: '0644', ...ROOT, ...rest };
  return ownTaskResource(task, { title: 'Motd', watches: [] });
}

const text = (content: string, secret = false): FileBody => ({ kind: 'text', text: content, secret });
const BYTES = Buffer.from([0x7f, 0, 0xff, 0x0a]);
const bytes: FileBody = {
  kind: 'bytes',
  base64: BYTES.toString('base64'),
  sha256: createHash('sha256').update(BYTES).digest('hex'),
  size: BYTES.length,
};
const file = (content: string, mode = '644'): FileFacts => ({ kind: 'file', mode, ...ROOT, age: 9, content });

function planText(body: FileBody, found: FileFacts, rest: Partial<OwnFile> = {}) {
  const resource = resourceOf(body, rest);
  return resource.plan(given([fileProbe(rest.path ?? '/etc/motd'), found]));
}

describe('a file of text', () => {
  it('is left alone where it is as it should be', () => {
    expect(planText(text('a\n'), file('a\n')).change).toBeNull();
  });

  it.each<[string, FileFacts, string]>([
    ['missing', { kind: 'missing' }, '/etc/motd: missing'],
    ['different', file('b\n'), '/etc/motd: content differs'],
    ['with another mode', file('a\n', '4755'), '/etc/motd: mode 4755, not 0644'],
    ["somebody's", { ...file('a\n'), group: 'adm' } as FileFacts, '/etc/motd: owner root:adm, not root:root'],
    ['a link', { ...file('a\n'), kind: 'symlink' } as FileFacts, '/etc/motd: a symlink, not a file'],
  ])('%s is changed', (_, found, reason) => {
    const { change } = planText(text('a\n'), found);
    expect(change).toMatchObject({ resource: 'file:/etc/motd', title: 'Motd', reason });
  });

  it('is shown as a diff, without what looks like a secret', () => {
    const { change } = planText(
      text('user: a\napi_key = "abcd1234"\n'),
      file('user: b\napi_key = "0ldSecret"\n'),
    );
    expect(change?.diff).toBe(
      '--- /etc/motd\n+++ /etc/motd\n@@ -1,2 +1,2 @@\n-user: b\n+user: a\n api_key = "********"\n',
    );
    expect(JSON.stringify(change)).not.toMatch(/abcd1234|0ldSecret/);
  });

  it('shows nothing of a private key', () => {
    const key = (body: string) =>
      `-----BEGIN PRIVATE KEY-----\n${body}\n${body}\n-----END PRIVATE KEY-----\n`;
    const { change } = planText(text(key('MIINEW')), file(key('MIIOLD')));
    expect(JSON.stringify(change)).not.toMatch(/MIINEW|MIIOLD/);
  });

  it('shows nothing of a content that is secret', () => {
    const { change } = planText(text('new and hidden', true), file('old and hidden'));
    expect(change?.diff).toBe('--- /etc/motd\n+++ /etc/motd\n its content is secret\n');
    expect(JSON.stringify(change)).not.toContain('hidden');
  });

  it.each([
    '/etc/systemd/system/a.service',
    '/usr/lib/systemd/system/a.timer',
    '/etc/systemd/system/a.service.d/b.conf',
  ])('%s is told to systemd', (path) => {
    const titles = (found: FileFacts) =>
      planText(text('a'), found, { path }).change?.steps.map((step) => step.title);
    expect(titles({ kind: 'missing' })).toEqual([`write ${path}`, 'systemctl daemon-reload']);
    expect(titles(file('a', '600'))).toEqual([`set mode and owner of ${path}`]);
  });

  it('does not take the place of a directory', () => {
    const { change, problems } = planText(text('a'), { ...file('a'), kind: 'other' } as FileFacts);
    expect(change).toBeNull();
    expect(problems.map(({ code }) => code)).toEqual(['not-a-file']);
  });

  it('is unknown where it cannot be read', () => {
    expect(() => resourceOf(text('a')).plan(given())).toThrow(/file:\/etc\/motd/);
  });

  it('is kept before it is overwritten', () => {
    expect(resourceOf(text('a')).keeps).toEqual({ paths: ['/etc/motd'] });
    expect(resourceOf(bytes).keeps).toEqual({ paths: ['/etc/motd'] });
  });
});

describe('a file that is no text', () => {
  const plan = (found: HashFacts) => resourceOf(bytes).plan(given([hashProbe('/etc/motd'), found]));
  const found = (sha256: string, mode = '644'): HashFacts => ({ kind: 'file', mode, ...ROOT, sha256 });

  it('is compared by its hash', () => {
    if (bytes.kind !== 'bytes') throw new Error();
    expect(plan(found(bytes.sha256)).change).toBeNull();
    expect(plan(found('0'.repeat(64))).change).toMatchObject({
      verb: 'update',
      diff: `--- /etc/motd\n+++ /etc/motd\n 4 bytes, sha256 ${bytes.sha256}\n`,
    });
    expect(plan(found(bytes.sha256, '600')).change).toMatchObject({ silent: true, diff: null });
    expect(plan({ kind: 'missing' }).change).toMatchObject({ verb: 'create' });
  });
});

/** Runs a plan's steps and the probe again, as whoever runs the tests. */
function apply(body: FileBody, path: string): unknown {
  const { username } = userInfo();
  const group = runShell('id -gn').stdout.trim();
  const resource = resourceOf(body, { path, owner: username, group, mode: '0640' });
  const look = () => {
    const [probe] = resource.probes as [Probe<unknown>];
    const result = probe.parse(runShell(probe.script));
    if (!result.ok) throw new Error(result.error);
    return resource.plan(given([probe, result.value])).change;
  };
  for (const step of look()?.steps ?? []) {
    const { exitCode, stderr } = runShell(step.script);
    if (exitCode !== 0) throw new Error(stderr);
  }
  return look();
}

describe('on a real file system', () => {
  it.each<[string, FileBody, Buffer]>([
    ['text', text(`it's $HOME\\n "a"\n\n`), Buffer.from(`it's $HOME\\n "a"\n\n`)],
    ['an empty text', text(''), Buffer.from('')],
    ['bytes', bytes, BYTES],
  ])('%s arrives as it is, and stays', (_, body, content) => {
    const path = join(temporaryFolder(), 'new', 'file');
    expect(apply(body, path)).toBeNull();
    expect(readFileSync(path)).toEqual(content);
    expect(statSync(path).mode & 0o7777).toBe(0o640);
  });

  it.each([text('a'), bytes])('a mode is mended without touching the time', (body) => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, body.kind === 'text' ? 'a' : BYTES, { mode: 0o600 });
    utimesSync(path, 1000, 1000);
    expect(apply(body, path)).toBeNull();
    expect(statSync(path).mtimeMs).toBe(1_000_000);
  });

  it('a link gives way to a file', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'target'), 'theirs');
    symlinkSync('target', join(folder, 'link'));
    expect(apply(text('mine'), join(folder, 'link'))).toBeNull();
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('theirs');
  });

  it('whether something is there', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    symlinkSync('/nowhere', join(folder, 'b'));
    const there = (name: string) => {
      const probe = existsProbe(join(folder, name));
      return probe.parse(runShell(probe.script));
    };
    expect(['a', 'b', 'c', 'c/d'].map(there)).toEqual(
      [true, true, false, false].map((value) => ({ ok: true, value })),
    );
    expect(refusal(existsProbe('/a'), output('', { exitCode: 1, stderr: 'no' }))).toContain('no');
    expect(refusal(existsProbe('/a'), output(''))).not.toBeNull();
    expect(refusal(hashProbe('/a'), output('regular file|644|root|root\n'))).not.toBeNull();
  });
});
