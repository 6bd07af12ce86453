import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { GENERATIONS } from '../kept.js';
import { type KeptQuery, keptProbe } from '../probes/generation.js';
import { NOTHING, type Probe, planned, type Resource, type Step } from '../types.js';
import { closeUfw, ufwProbe } from '../ufw.js';
import { keptOf, LBCTLS } from './files.js';
import { systemctl } from './states.js';

/** What a host was like before lbctl. */
export const BEFORE: KeptQuery = { by: 'since', number: 0 };

/** What generation 0 says of kernel, SELinux and units: the same keys with what they are now. */
export const statesNowProbe: Probe<Readonly<Record<string, string>>> = {
  key: 'states-now',
  script: sh`f=${GENERATIONS}/0/states
[ -e "$f" ] || exit 0
while IFS== read -r k v; do
  case $k in
    package.*) ;;
    *.ActiveState) echo "$k=$(systemctl show "\${k%.*}" -p ActiveState --value)" ;;
    *.UnitFileState) echo "$k=$(systemctl show "\${k%.*}" -p UnitFileState --value)" ;;
    selinux) echo "$k=$(getenforce)" ;;
    boolean.*) b=$(getsebool "\${k#boolean.}" 2>/dev/null) && echo "$k=\${b##* }" ;;
    net.*) p=/proc/sys/$(echo "$k" | tr . /); [ ! -r "$p" ] || echo "$k=$(cat "$p")" ;;
    */*) [ ! -r "/proc/sys/$k" ] || echo "$k=$(cat "/proc/sys/$k")" ;;
  esac
done <"$f" || exit 1
exit 0`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`the host's states cannot be read: ${stderr.trim()}`);
    const lines = stdout.split('\n').filter((line) => line.includes('='));
    return ok(
      Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
    );
  },
};

interface Difference {
  readonly key: string;
  readonly was: string;
  readonly is: string;
}

/** A part of the states: which keys, and what puts one that differs back (nothing: it stays as it is). */
function restoredStates(
  query: KeptQuery,
  id: string,
  title: string,
  concerns: (key: string) => boolean,
  stepFor: (difference: Difference) => Step | null,
): Resource {
  return {
    id,
    probes: [keptProbe(query), statesNowProbe],
    plan(facts) {
      const kept = keptOf(query, facts);
      if (kept === null) return NOTHING;
      const now = facts.need(statesNowProbe);
      const todo = Object.entries(kept.states).flatMap(([key, was]) => {
        const is = now[key];
        if (!concerns(key) || is === undefined || is === was) return [];
        const step = stepFor({ key, was, is });
        return step === null ? [] : [{ step, reason: `${key} was "${was}", and is "${is}"` }];
      });
      if (todo.length === 0) return NOTHING;
      return planned({
        resource: id,
        title,
        verb: 'update',
        reason: todo.map(({ reason }) => reason).join(', '),
        steps: todo.map(({ step }) => step),
      });
    },
  };
}

function pathOf(key: string): string {
  return `/proc/sys/${key.includes('/') ? key : key.replaceAll('.', '/')}`;
}

export const kernelBefore: Resource = restoredStates(
  BEFORE,
  'kernel_settings',
  'kernel settings as they were',
  (key) => key.startsWith('net.') || key.includes('/'),
  ({ key, was }) => ({
    title: `${key} as it was`,
    script: sh`printf '%s\n' ${was} >${pathOf(key)}`,
    limit: 30,
  }),
);

function booleanStep(key: string, was: string): Step {
  const setting = `${key.slice('boolean.'.length)}=${was}`;
  return { title: `setsebool ${setting}`, script: sh`timeout 120 setsebool -P ${setting}`, limit: 150 };
}

export const selinuxBefore: Resource = restoredStates(
  BEFORE,
  'selinux_mode',
  'SELinux as it was',
  (key) => key === 'selinux' || key.startsWith('boolean.'),
  ({ key, was, is }) => {
    if (key !== 'selinux') return booleanStep(key, was);
    // From and to Disabled leads only a reboot.
    if (is === 'Disabled' || was === 'Disabled') return null;
    const mode = was === 'Enforcing' ? 1 : 0;
    return { title: `setenforce ${mode}`, script: sh`setenforce ${mode}`, limit: 30 };
  },
);

/** The rules that `firewall: open` added to ufw. */
export const ufwRulesBefore: Resource = {
  id: 'ufw_rules',
  probes: [keptProbe(BEFORE), ufwProbe],
  plan(facts) {
    if (keptOf(BEFORE, facts) === null) return NOTHING;
    const found = facts.need(ufwProbe);
    const steps = closeUfw(found);
    if (steps.length === 0) return NOTHING;
    const rules = [...found.ours.map((port) => `${port}/tcp`), ...found.files].join(', ');
    return planned({
      resource: 'ufw_rules',
      title: "ufw's rules as they were",
      verb: 'update',
      reason: `rules that lbctl added: ${rules}`,
      steps,
    });
  },
};
/** The booleans alone: the mode goes by the configuration file, which a run replaces. */
export function restoredBooleans(query: KeptQuery): Resource {
  return restoredStates(
    query,
    'selinux_booleans',
    'SELinux booleans as they were',
    (key) => key.startsWith('boolean.'),
    ({ key, was }) => booleanStep(key, was),
  );
}

const RUNS = ['active', 'activating', 'reloading', 'refreshing'];

/** Services of an operator's own tasks. */
export const ownServicesBefore: Resource = restoredStates(
  BEFORE,
  'own_services',
  'services of your own tasks as they were',
  (key) => /\.(?:Active|UnitFile)State$/.test(key) && !LBCTLS.includes(key.slice(0, key.lastIndexOf('.'))),
  ({ key, was, is }) => {
    const name = key.slice(0, key.lastIndexOf('.'));
    if (key.endsWith('.ActiveState')) {
      if (RUNS.includes(was) === RUNS.includes(is)) return null;
      return systemctl(RUNS.includes(was) ? 'start' : 'stop', name);
    }
    if (was.startsWith('masked')) return systemctl('mask', name);
    if (was.startsWith('enabled') === is.startsWith('enabled')) return null;
    return systemctl(was.startsWith('enabled') ? 'enable' : 'disable', name);
  },
);
