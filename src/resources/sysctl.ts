import { err, ok } from '../base/result.js';
import { joinCommands, sh } from '../base/shell.js';
import { Text } from '../base/text.js';
import { SYSCTL_CONF } from '../render/platform.js';
import { renderSysctl, type SysctlSetting, sysctlSettings } from '../render/system.js';
import { planFile, writeStep } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { NOTHING, type Probe, planned, type Resource, type ResourceContext, type Step } from './types.js';

/** The running kernel's values by key. */
function sysctlProbe(settings: readonly SysctlSetting[]): Probe<Readonly<Record<string, string>>> {
  return {
    key: `sysctl:${settings.map(({ key }) => key).join(',')}`,
    script: joinCommands(
      settings.map(
        ({ key }) => sh`printf '%s=' ${key}
cat ${`/proc/sys/${key.replaceAll('.', '/')}`} || exit 1`,
      ),
    ),
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`a kernel setting cannot be read: ${stderr.trim()}`);
      const lines = stdout.trim().split('\n');
      const values = Object.fromEntries(lines.map((line) => line.split('=', 2)));
      const missing = settings.find(({ key }) => !values[key]);
      return missing === undefined ? ok(values) : err(`the kernel did not say what ${missing.key} is`);
    },
  };
}

/** Puts one file of settings in force. */
export function loadSysctlStep(path: string): Step {
  return {
    title: `load ${path}`,
    script: sh`command -v sysctl >/dev/null && exec sysctl -q -p ${path}
exec /usr/lib/systemd/systemd-sysctl ${path}`,
    limit: 30,
  };
}

/** `ip_nonlocal_bind` in a file of its own, and in force. */
export function sysctlResource({ cluster }: ResourceContext): Resource {
  const ipv6 = cluster.vrrpInstances.some((it) => it.virtualIpaddress.some((vip) => vip.family === 6));
  const settings = sysctlSettings({ ipv6 });
  const running = sysctlProbe(settings);
  const file = {
    resource: 'sysctl',
    title: 'kernel settings',
    path: SYSCTL_CONF,
    content: new Text([renderSysctl(settings)]),
    mode: '0644',
    owner: 'root',
    group: 'root',
  };
  return {
    id: 'sysctl',
    probes: [fileProbe(SYSCTL_CONF), running],
    plan(facts) {
      const values = facts.need(running);
      const off = settings.filter(({ key, value }) => values[key] !== value);
      const { change } = planFile(file, facts);
      if (change === null && off.length === 0) return NOTHING;
      const reasons = off.map(({ key, value }) => `${key} is ${values[key] ?? 'unset'}, not ${value}`);
      return planned({
        ...(change ?? {}),
        resource: 'sysctl',
        title: 'kernel settings',
        verb: change?.verb ?? 'update',
        reason: [change?.reason, ...reasons].filter(Boolean).join('; '),
        steps: [...(change === null ? [] : [writeStep(file)]), loadSysctlStep(SYSCTL_CONF)],
      });
    },
  };
}
