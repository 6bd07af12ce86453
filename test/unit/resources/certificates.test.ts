import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type CertificateFacts,
  type CertificatePath,
  certificatePlaces,
  certificatesProbe,
} from '../../../src/resources/probes/certificates.js';
import { runShell, temporaryFolder } from '../support/shell.js';

describe('what a configuration names', () => {
  it.each([
    ['bind 10.0.0.1:443 ssl crt /etc/haproxy/a.pem alpn h2', ['own /etc/haproxy/a.pem'], []],
    ['bind :443 ssl crt "/etc/my certs/a.pem" crt /b.pem', ['own /etc/my certs/a.pem', 'own /b.pem'], []],
    ['bind :443 ssl crt site.pem', ['own /certs/site.pem'], []],
    ['bind :443 ssl crt-list /etc/list.txt # crt /no.pem', ['list /etc/list.txt'], []],
    // HAProxy opens it as it is: in whichever folder it was started.
    ['bind :443 ssl crt-list list.txt', [], ['crt-list list.txt']],
    ['bind :443 ssl crt @store/site', [], ['crt @store/site']],
    ['server a 10.0.0.2:443 ssl verify required ca-file ca.pem', ['authority /cas/ca.pem'], []],
    ['server a 10.0.0.2:443 ssl ca-file @system-ca', [], []],
    ['http-request set-header crt /no.pem', [], []],
    ['bind :80', [], []],
  ])('%s', (line, expected, unresolved) => {
    const config = `global\n  crt-base /certs\n  ca-base /cas\nfrontend x\n  ${line}\n`;
    const found = certificatePlaces(config);
    expect(found.paths.map(({ use, path }) => `${use} ${path}`)).toEqual(expected);
    expect(found.unresolved).toEqual(unresolved);
    expect(found.base).toBe('/certs');
  });

  it('relative to nothing is said, not dropped', () => {
    const config = 'frontend x\n  bind :443 ssl crt site.pem ca-file ca.pem\n';
    expect(certificatePlaces(config)).toEqual({
      paths: [],
      base: null,
      unresolved: ['crt site.pem', 'ca-file ca.pem'],
    });
  });
});

const DAY = 86_400;

/** A root, what it signed, and what that signed, with these days left; as PEM, the last with its key. */
function certificates(folder: string): { root: string; intermediate: string; site: string } {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const make = (name: string, days: number, signer: string) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-new', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signed =
      name === signer ? ['-signkey', `${name}.key`] : ['-CA', `${signer}.crt`, '-CAkey', `${signer}.key`];
    const serial = ['-set_serial', '7', '-days', `${days}`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...serial, ...signed);
    return readFileSync(join(folder, `${name}.crt`), 'utf8');
  };
  const root = make('root', 2, 'root');
  const intermediate = make('intermediate', 5, 'root');
  const site = make('site', 90, 'intermediate');
  return { root, intermediate, site: site + readFileSync(join(folder, 'site.key'), 'utf8') };
}

describe('what is found on a host', () => {
  const folder = () => temporaryFolder();

  function ask(paths: readonly CertificatePath[], base: string | null = null): CertificateFacts {
    const probe = certificatesProbe({ paths, base, unresolved: [] });
    const said = runShell(probe.script);
    expect(said.stdout).not.toContain('PRIVATE');
    const result = probe.parse(said);
    if (!result.ok) throw new Error(result.error);
    return result.value;
  }

  /** Paths below the folder, and days left. */
  const short = ({ files }: CertificateFacts, below: string) =>
    files.map(({ path, use, expiresIn }) => {
      const days = expiresIn === null ? 'none' : Math.round(expiresIn / DAY);
      return `${use} ${path.replace(`${below}/`, '')} ${days}`;
    });

  it('a chain counts by what ends first in it; a root that is sent along by nothing', () => {
    const at = folder();
    const { root, intermediate, site } = certificates(at);
    writeFileSync(join(at, 'chain.pem'), site + intermediate + root);
    writeFileSync(join(at, 'alone.pem'), site);
    writeFileSync(join(at, 'cas.pem'), root + intermediate);
    const paths = ['chain', 'alone'].map((it) => ({ path: `${at}/${it}.pem`, use: 'own' as const }));
    const found = ask([...paths, { path: `${at}/cas.pem`, use: 'authority' }]);
    expect(short(found, at)).toEqual([
      'own chain.pem 90',
      'chain chain.pem 5',
      'own alone.pem 90',
      'authority cas.pem 5',
    ]);
  });

  it('a directory is what HAProxy takes from it', () => {
    const at = folder();
    const { site } = certificates(at);
    const certs = join(at, 'certs');
    mkdirSync(join(certs, 'sub'), { recursive: true });
    mkdirSync(join(at, 'empty'));
    for (const name of ['b c.pem', '.hidden']) writeFileSync(join(certs, name), site);
    for (const name of ['a.pem.key', 'a.pem.ocsp', 'a.pem.issuer', 'a.pem.sctl'])
      writeFileSync(join(certs, name), 'x');
    writeFileSync(join(certs, 'no.pem'), 'x');
    const own = [certs, join(at, 'empty')].map((path) => ({ path, use: 'own' as const }));
    expect(short(ask(own), at)).toEqual([
      'own certs/b c.pem 90',
      'own certs/no.pem none',
      'own certs/.hidden 90',
      'own empty none',
    ]);
  });

  it('of a bundle those that are there; a file that is not there is missing', () => {
    const at = folder();
    const { site } = certificates(at);
    writeFileSync(join(at, 'site.pem.rsa'), site);
    writeFileSync(join(at, 'site.pem.ecdsa'), site);
    const own = ['site.pem', 'gone.pem'].map((it) => ({ path: join(at, it), use: 'own' as const }));
    expect(short(ask(own), at)).toEqual([
      'own site.pem.rsa 90',
      'own site.pem.ecdsa 90',
      'own gone.pem none',
    ]);
  });

  it("a list's entries are relative to `crt-base`; options, comments, and a last line without an end", () => {
    const at = folder();
    const { site } = certificates(at);
    mkdirSync(join(at, 'certs'));
    for (const name of ['a.pem', 'b.pem', 'c.pem']) writeFileSync(join(at, 'certs', name), site);
    const list = join(at, 'list');
    writeFileSync(
      list,
      `# /no.pem\n\n  a.pem[alpn h2] *.x\r\n${at}/certs/b.pem [verify none]\ngone.pem\nc.pem`,
    );
    const lists = [list, join(at, 'nolist')].map((path) => ({ path, use: 'list' as const }));
    const found = ask(lists, join(at, 'certs'));
    expect(short(found, at)).toEqual([
      'own certs/a.pem 90',
      'own certs/b.pem 90',
      'own certs/gone.pem none',
      'own certs/c.pem 90',
      'own nolist none',
    ]);
    expect(found.unresolved).toEqual([]);
    const without = ask([{ path: list, use: 'list' }]);
    expect(short(without, at)).toEqual(['own certs/b.pem 90']);
    expect(without.unresolved).toEqual(['a.pem', 'gone.pem', 'c.pem'].map((it) => `${it} in ${list}`));
  });
});

describe('an answer', () => {
  const probe = certificatesProbe({ paths: [], base: null, unresolved: [] });

  it('of a file without a certificate, and of one that is none, has no end', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const stdout = `now 1000\nfile own /a.pem\nfile authority /b.pem\n${broken}`;
    expect(probe.parse({ stdout, stderr: '', exitCode: 0 })).toMatchObject({
      value: {
        files: [
          { path: '/a.pem', use: 'own', expiresIn: null },
          { path: '/b.pem', use: 'authority', expiresIn: null },
        ],
      },
    });
  });

  it('that was cut short is none', () => {
    expect(probe.parse({ stdout: 'file own', stderr: '', exitCode: 0 }).ok).toBe(false);
  });
});
