/** Ways to break a host, each with its way back. Every one acts on that host alone, and none outlives a reboot. */
import { type Lb, on } from '../../e2e/support/hosts.js';

export interface Break {
  readonly broken: () => Promise<unknown>;
  readonly mended: () => Promise<unknown>;
}

/** A small file system over the folder, with what is in it, and full. */
export function full(host: Lb, folder: string): Break {
  return {
    broken: () =>
      on(
        host,
        `set -e; rm -rf /run/full; cp -a ${folder} /run/full; mount -t tmpfs -o size=4m,mode=0755 none ${folder}
cp -a /run/full/. ${folder}; dd if=/dev/zero of=${folder}/filler bs=4k 2>/dev/null || :; rm -rf /run/full`,
      ),
    // What was written into it meanwhile counts: it is what the programs read.
    mended: () =>
      on(
        host,
        `set -e; rm -f ${folder}/filler; rm -rf /run/full; cp -a ${folder} /run/full; umount ${folder}
cp -a /run/full/. ${folder}; rm -rf /run/full`,
      ),
  };
}

/** What the host installs packages from is gone. */
export function repositoryDown(host: Lb): Break {
  return {
    broken: () => on(host, 'mount -t tmpfs -o ro none /srv/rpm'),
    mended: () => on(host, 'umount /srv/rpm'),
  };
}

export function readOnlyEtc(host: Lb): Break {
  return {
    broken: () => on(host, 'mount --bind /etc /etc && mount -o remount,ro,bind /etc'),
    mended: () => on(host, 'umount /etc'),
  };
}

/** A program that acts otherwise: `script` stands in its place, with the real one as `$real`. */
export function instead(host: Lb, program: string, script: string): Break {
  const name = program.replaceAll('/', '_');
  const text = Buffer.from(`#!/bin/sh\nreal=/run/real${name}\n${script}\nexec "$real" "$@"\n`).toString(
    'base64',
  );
  return {
    broken: () =>
      on(
        host,
        `set -e; cp -aL ${program} /run/real${name}; echo ${text} | base64 -d >/run/wrap${name}; chmod 755 /run/wrap${name}
mount --bind /run/wrap${name} $(readlink -f ${program})`,
      ),
    mended: () =>
      on(host, `umount $(readlink -f ${program}); rm -rf /run/real${name} /run/wrap${name} /run/hung`),
  };
}

/** Runs python on the host as soon as a candidate of the file is there, that is after every plan has been made. */
export function whenWritten(host: Lb, candidate: string, python: string): Break {
  const text = Buffer.from(`
import os, signal, socket, subprocess, sys, time
end = time.time() + 60
while time.time() < end and not os.path.exists("${candidate}.lbctl-new"):
    time.sleep(0.001)
${python}
`).toString('base64');
  return {
    broken: () =>
      on(
        host,
        `echo ${text} | base64 -d >/run/when.py; systemd-run -q --collect --unit=fault-when python3 /run/when.py`,
      ),
    mended: () => on(host, 'systemctl stop fault-when 2>/dev/null; rm -f /run/when.py'),
  };
}
