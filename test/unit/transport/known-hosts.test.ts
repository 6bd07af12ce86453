import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/transport/key-blob.js';
import {
  entriesFor,
  judgeHostKey,
  knownHostsName,
  matchesHost,
  parseKnownHosts,
} from '../../../src/transport/known-hosts.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-known-hosts-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A public key of the right shape; nobody checks that its numbers belong to a real one. */
function fakeKey(type: string, seed: number): Buffer {
  const field = (data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, data]);
  };
  return Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, seed))]);
}

const ed1 = fakeKey('ssh-ed25519', 1);
const ed2 = fakeKey('ssh-ed25519', 2);
const line = (hosts: string, key = ed1, marker = '') =>
  `${marker}${hosts} ssh-ed25519 ${key.toString('base64')} a comment`;
const hash = (name: string) => {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};
const judge = (text: string, name: string, key = ed1) =>
  judgeHostKey(entriesFor(parseKnownHosts(text, 'kh'), name), key);

describe('the name looked up', () => {
  it.each([
    ['lb1', 22, 'lb1'],
    ['LB1.Example', 22, 'lb1.example'],
    ['lb1', 2222, '[lb1]:2222'],
    ['fe80::1', 22, 'fe80::1'],
    ['fe80::1', 2222, '[fe80::1]:2222'],
  ])('%s port %d is %s', (host, port, name) => expect(knownHostsName(host, port)).toBe(name));
});

describe('which lines mean a host', () => {
  it.each([
    ['lb1', 'lb1', true],
    ['lb1', 'lb11', false],
    ['web,lb1', 'lb1', true],
    ['LB1', 'lb1', true],
    ['lb?', 'lb1', true],
    ['*.example', 'lb1.example', true],
    ['*.example,!lb1.example', 'lb1.example', false],
    ['!lb1.example,*.example', 'lb1.example', false],
    ['!lb2', 'lb1', false],
    ['[lb1]:2222', '[lb1]:2222', true],
    ['[lb1]:2222', 'lb1', false],
    ['[*]:2222', '[lb1]:2222', true],
    ['*', '[lb1]:2222', true],
    ['|1|bad', 'lb1', false],
  ])('%s, %s: %s', (hosts, name, expected) => expect(matchesHost(hosts, name)).toBe(expected));

  it('hashed names', () => {
    expect(matchesHost(hash('[lb1]:2222'), '[lb1]:2222')).toBe(true);
    expect(matchesHost(hash('lb1'), 'lb2')).toBe(false);
  });

  it('a pattern of many stars is answered at once', () => {
    const started = performance.now();
    expect(matchesHost('*a'.repeat(200), 'a'.repeat(150))).toBe(false);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe('lines', () => {
  it('comments, empty lines, unknown markers and broken keys are passed over', () => {
    const other = `lb1 ssh-rsa ${ed1.toString('base64')}`;
    const text = ['# lb1', '', '  ', '@odd lb1 x y', 'lb1 ssh-ed25519', 'lb1 ssh-ed25519 ???', other].join(
      '\n',
    );
    expect(parseKnownHosts(text, 'kh')).toEqual([]);
  });

  it('spaces, tabs and Windows line ends do not matter; the line is counted', () => {
    const entries = parseKnownHosts(`# one\r\n\t ${line('lb1').replaceAll(' ', '\t')}\r\n`, 'kh');
    expect(entries).toMatchObject([
      { hosts: 'lb1', type: 'ssh-ed25519', marker: 'none', file: 'kh', line: 2 },
    ]);
    expect(entries[0]?.key.equals(ed1)).toBe(true);
  });
});

describe('the verdict on a key', () => {
  it('known, whichever of several lines holds it', () => {
    expect(judge(`${line('lb1', ed2)}\n${line('lb*')}`, 'lb1')).toMatchObject({
      kind: 'known',
      entry: { line: 2 },
    });
  });
  it('unknown without a line, and with a line of another type', () => {
    expect(judge('', 'lb1').kind).toBe('unknown');
    const rsa = `lb1 ssh-rsa ${fakeKey('ssh-rsa', 1).toString('base64')}`;
    expect(judge(rsa, 'lb1').kind).toBe('unknown');
  });
  it('changed, with the offending line', () => {
    expect(judge(`\n${line('lb1', ed2)}`, 'lb1')).toMatchObject({ kind: 'changed', entry: { line: 2 } });
  });
  it('revoked, although another line knows it', () => {
    expect(judge(`${line('lb1')}\n${line('*', ed1, '@revoked ')}`, 'lb1')).toMatchObject({
      kind: 'revoked',
      entry: { line: 2 },
    });
    expect(judge(`${line('lb1')}\n${line('*', ed2, '@revoked ')}`, 'lb1').kind).toBe('known');
  });
  it('an authority counts only where nothing else is known', () => {
    const authority = line('lb1', ed2, '@cert-authority ');
    expect(judge(authority, 'lb1').kind).toBe('authority-only');
    expect(judge(`${authority}\n${line('lb1')}`, 'lb1').kind).toBe('known');
    expect(judge(`${authority}\n${line('lb1', ed2)}`, 'lb1').kind).toBe('changed');
  });
});

describe('against ssh-keygen', () => {
  it('the fingerprint', () => {
    const key = join(dir, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const shown = execFileSync('ssh-keygen', ['-lf', `${key}.pub`], { encoding: 'utf8' }).split(' ')[1];
    const text = execFileSync('cat', [`${key}.pub`], { encoding: 'utf8' });
    expect(fingerprint(Buffer.from(text.split(' ')[1] ?? '', 'base64'))).toBe(shown);
  });

  const label = fc.constantFrom('lb1', 'lb2', 'web', 'a', 'b1', '10.0.0.1', 'lb1.example', 'x.lb1.example');
  const name = fc.tuple(label, fc.constantFrom(22, 2222)).map(([host, port]) => knownHostsName(host, port));
  const piece = fc.constantFrom(
    '*',
    '?',
    'lb',
    '1',
    '.',
    'example',
    'LB1',
    '[',
    ']',
    ':2222',
    'web',
    '10.0.0.',
  );
  const pattern = fc.oneof(
    name,
    fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('')),
  );
  const negatable = fc.tuple(fc.boolean(), pattern).map(([negated, text]) => (negated ? `!${text}` : text));
  const hosts = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.array(negatable, { minLength: 1, maxLength: 4 }).map((list) => list.join(',')),
    },
    { weight: 1, arbitrary: name.map(hash) },
  );
  const marker = fc.constantFrom('', '', '', '@revoked ', '@cert-authority ');
  const file = fc.array(
    fc.oneof(
      fc.tuple(hosts, marker).map(([h, m]) => line(h, ed1, m)),
      fc.constantFrom('', '# lb1'),
    ),
    { maxLength: 6 },
  );

  it('finds the same lines as ssh-keygen -F', () => {
    const path = join(dir, 'known_hosts');
    fc.assert(
      fc.property(file, name, (lines, wanted) => {
        writeFileSync(path, `${lines.join('\n')}\n`);
        const { stdout } = spawnSync('ssh-keygen', ['-f', path, '-F', wanted], { encoding: 'utf8' });
        const theirs = [...stdout.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
        expect(
          entriesFor(parseKnownHosts(lines.join('\n'), path), wanted).map((entry) => entry.line),
        ).toEqual(theirs);
      }),
      { numRuns: 300 },
    );
  }, 30_000);
});
