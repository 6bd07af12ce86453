import { err, ok } from '../base/result.js';
import { sh } from '../base/shell.js';
import { Text } from '../base/text.js';
import { GENERATED_FROM_PLAYBOOK } from '../render/platform.js';
import { planFile, writeStep } from './managed-file.js';
import type { About, OwnSysctl } from './own-task.js';
import { fileProbe } from './probes/file.js';
import { loadSysctlStep } from './sysctl.js';
import { NOTHING, type Probe, planned, type Resource } from './types.js';

/** As sysctl(8) reads keys: where the first separator is a slash, dots are part of names. */
export function sysctlFile(key: string): string {
  const slashed = /^[^./]*\//.test(key);
  const swapped = key.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
  return `/proc/sys/${slashed ? key : swapped}`;
}

/** After lbctl's own 90: for a key in both the last file wins. */
export function ownSysctlPath(key: string): string {
  return `/etc/sysctl.d/91-lbctl-${key.replaceAll('/', '-')}.conf`;
}

function ownSysctlProbe(key: string): Probe<string> {
  const file = sysctlFile(key);
  return {
    key: `sysctl-value:${key}`,
    script: sh`cat ${file}`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode === 0) return ok(words(stdout));
      return err(`the kernel setting ${key} cannot be read: ${stderr.trim()}`);
    },
  };
}

/** The kernel separates several numbers with tabs. */
function words(value: string): string {
  return value.trim().split(/\s+/).join(' ');
}

/** One kernel setting, in a file of its own and in force. */
export function ownSysctlResource({ key, value }: OwnSysctl, { id, title }: About): Resource {
  const path = ownSysctlPath(key);
  const probe = ownSysctlProbe(key);
  const file = {
    resource: id,
    title,
    path,
    content: new Text([`${GENERATED_FROM_PLAYBOOK}\n${key} = ${value}\n`]),
    mode: '0644',
    owner: 'root',
    group: 'root',
  };
  return {
    id,
    keeps: { paths: [path], sysctls: [sysctlFile(key)] },
    probes: [fileProbe(path), probe],
    plan(facts) {
      const now = facts.need(probe);
      const { change } = planFile(file, facts);
      const off = now !== words(value);
      if (change === null && !off) return NOTHING;
      const drift = off ? `${key} is ${now}, not ${value}` : undefined;
      return planned({
        ...(change ?? {}),
        resource: id,
        title,
        verb: change?.verb ?? 'update',
        reason: [change?.reason, drift].filter(Boolean).join('; '),
        silent: false,
        steps: [...(change === null ? [] : [writeStep(file)]), loadSysctlStep(path)],
      });
    },
  };
}
