import { err, ok } from '../base/result.js';
import { raw, sh } from '../base/shell.js';
import { Text } from '../base/text.js';
import { fileDiff } from './diff.js';
import { writeStep } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { NOTHING, type Probe, planned, type Resource, type ResourceContext, type Step } from './types.js';

const CONFIG = '/etc/selinux/config';

/** What HAProxy and keepalived need where SELinux stays enforcing: other ports, and asking HAProxy. */
export const SELINUX_BOOLEANS = ['haproxy_connect_any', 'keepalived_connect_any'] as const;

export interface SelinuxFacts {
  /** Enforcing, Permissive, Disabled; null where there is no SELinux at all. */
  readonly mode: string | null;
  /** Off ones of the booleans that this host's policy has. */
  readonly booleansOff: readonly string[];
}

export const selinuxProbe: Probe<SelinuxFacts> = {
  key: 'selinux',
  script: raw(`command -v getenforce >/dev/null || { echo none; exit 0; }
mode=$(getenforce) || exit 1
echo "$mode"
if [ "$mode" != Disabled ] && command -v getsebool >/dev/null; then
  for b in ${SELINUX_BOOLEANS.join(' ')}; do getsebool "$b" 2>/dev/null; done
fi
exit 0`),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`getenforce failed: ${stderr.trim()}`);
    const [mode = '', ...rest] = stdout.trim().split('\n');
    if (mode === 'none') return ok({ mode: null, booleansOff: [] });
    if (!['Enforcing', 'Permissive', 'Disabled'].includes(mode)) return err(`getenforce says "${mode}"`);
    const off = rest.flatMap((line) => /^(\S+) --> off/.exec(line)?.[1] ?? []);
    return ok({ mode, booleansOff: off });
  },
};

/** `system.selinux`: for now (setenforce) and for good (its configuration file), where there is SELinux. */
export function selinuxResource({ cluster }: ResourceContext): Resource {
  const wish = cluster.system.selinux;
  const configProbe = fileProbe(CONFIG);
  return {
    id: 'selinux',
    probes: wish === 'keep' ? [] : [selinuxProbe, configProbe],
    plan(facts) {
      if (wish === 'keep') return NOTHING;
      const { mode, booleansOff } = facts.need(selinuxProbe);
      const config = facts.need(configProbe);
      const steps: Step[] = [];
      const reasons: string[] = [];
      let diff: string | null = null;

      if (wish === 'enforcing' && mode !== 'Disabled' && booleansOff.length > 0) {
        reasons.push(`${booleansOff.join(', ')} off`);
        steps.push({
          title: 'set the SELinux booleans',
          script: sh`timeout 120 setsebool -P ${booleansOff.map((name) => `${name}=1`)}`,
          limit: 150,
        });
      }
      const runtime = wish === 'enforcing' ? 'Permissive' : 'Enforcing';
      if (mode === runtime) {
        reasons.push(`SELinux is ${mode} now`);
        steps.push({
          title: `setenforce ${wish === 'enforcing' ? 1 : 0}`,
          script: sh`setenforce ${wish === 'enforcing' ? 1 : 0}`,
          limit: 30,
        });
      }
      if (config.kind !== 'missing' && config.content !== null) {
        const after = withMode(config.content, wish);
        if (after !== config.content) {
          reasons.push(`${CONFIG} says ${modeIn(config.content) ?? 'nothing'}`);
          diff = fileDiff(CONFIG, config.content, new Text([after]));
          steps.push(
            writeStep({
              resource: 'selinux',
              title: CONFIG,
              path: CONFIG,
              content: new Text([after]),
              mode: config.mode.padStart(4, '0'),
              owner: config.owner,
              group: config.group,
            }),
          );
        }
      }
      if (steps.length === 0) return NOTHING;
      return planned({
        resource: 'selinux',
        title: `SELinux ${wish}`,
        verb: 'update',
        reason: reasons.join('; '),
        diff,
        steps,
        notice: noticeFor(wish, mode),
      });
    },
  };
}

function noticeFor(wish: string, mode: string | null): string {
  if (wish === 'enforcing') {
    return mode === 'Disabled'
      ? 'SELinux will enforce after the next reboot: it is disabled in the running kernel'
      : 'SELinux enforces here, with the booleans that HAProxy and keepalived need';
  }
  const how = `SELinux is set to ${wish} here (\`system.selinux: ${wish}\`)`;
  return `${how}; \`selinux: enforcing\` would keep it, with the booleans that are needed`;
}

function modeIn(content: string): string | null {
  return /^\s*SELINUX=(\S*)/m.exec(content)?.[1] ?? null;
}

/** Replaces the mode whatever it was; a file without the line gets one. */
function withMode(content: string, mode: string): string {
  if (modeIn(content) === mode) return content;
  if (modeIn(content) === null) return `${content.replace(/\n?$/, '\n')}SELINUX=${mode}\n`;
  return content.replace(/^\s*SELINUX=.*$/m, `SELINUX=${mode}`);
}
