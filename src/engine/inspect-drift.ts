import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import { HAPROXY_CFG, KEEPALIVED_CONF } from '../render/platform.js';
import { fileProbe } from '../resources/probes/file.js';
import { serviceProbe } from '../resources/probes/service.js';
import { runsOlder } from '../resources/service.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';
import type { Problem } from './documents.js';
import type { Findings } from './inspect.js';

/** Stands for every password while files are compared. */
export const MASKED = '********';

const AUTH_PASS = /^(\s*auth_pass\s+)(\S.*)$/gm;

/** keepalived.conf as if every password were the placeholder; everything else as it is. */
class WithoutPasswords implements Facts {
  constructor(private readonly facts: Facts) {}

  need<F>(probe: Probe<F>): F {
    const found = this.facts.need(probe);
    if (probe.key !== fileProbe(KEEPALIVED_CONF).key) return found;
    const file = found as { readonly content?: unknown };
    if (typeof file.content !== 'string') return found;
    return { ...found, content: file.content.replace(AUTH_PASS, `$1${MASKED}`) };
  }
}

/** Where the hosts differ from the inventory or from each other, or run by other files than those on disk. */
export function driftProblems(
  cluster: Cluster,
  resources: readonly HostResources[],
  facts: ReadonlyMap<string, Facts>,
): Findings {
  const problems = resources.flatMap(({ host, plays }) => {
    const own = facts.get(host.name);
    if (own === undefined) return [];
    const masked = new WithoutPasswords(own);
    const changed = plays.flat().flatMap(({ resource }) =>
      orUnknown(host.name, () => {
        const { change, problems: found } = resource.plan(masked);
        const differs = change === null || !isInstalled(own) ? [] : [differing(change.reason, host.name)];
        return [
          ...differs,
          ...found.map(({ code, summary }): Problem => {
            return { code: code.replaceAll('-', '_'), message: summary, host: host.name };
          }),
        ];
      }),
    );
    return [
      ...changed,
      ...orUnknown(host.name, () => [
        ...stale('haproxy', HAPROXY_CFG, own, host.name),
        ...stale('keepalived', KEEPALIVED_CONF, own, host.name),
      ]),
    ];
  });
  return { problems: [...problems, ...passwordsDiffer(cluster, facts)], notes: [] };
}

/** On a bare host everything differs: that the packages are missing is enough to say. */
function isInstalled(facts: Facts): boolean {
  return (['haproxy', 'keepalived'] as const).every((it) => facts.need(serviceProbe(it)).exists);
}

function differing(reason: string, host: string): Problem {
  const message = `differs from the inventory: ${reason}; \`lbctl plan\` shows how, \`lbctl up\` mends it`;
  return { code: 'config_differs', message, host };
}

function stale(service: 'haproxy' | 'keepalived', path: string, facts: Facts, host: string): Problem[] {
  const found = facts.need(serviceProbe(service));
  const file = facts.need(fileProbe(path));
  if (found.active !== 'active') return [];
  const problems: Problem[] = [];
  if (file.kind !== 'missing' && file.age >= 0 && runsOlder(found, file.age)) {
    const message = `${service} still runs by an older ${path}: a reload was refused or never made; \`journalctl -u ${service}\` says why, \`lbctl up\` checks the file and reloads`;
    problems.push({ code: 'runs_older_config', message, host });
  }
  if (found.needsDaemonReload) {
    const message = `systemd runs ${service} by older unit files than those on disk: \`systemctl daemon-reload\`, or \`lbctl up\``;
    problems.push({ code: 'daemon_reload_needed', message, host });
  }
  return problems;
}

/** Two passwords are compared with each other; neither is needed here, and neither is shown. */
function passwordsDiffer(cluster: Cluster, facts: ReadonlyMap<string, Facts>): Problem[] {
  const seen = new Map<string, string[]>();
  for (const [host, own] of facts) {
    const words = passwords(own);
    if (words !== null) seen.set(words, [...(seen.get(words) ?? []), host]);
  }
  if (seen.size < 2 || cluster.vrrpInstances.every((it) => it.authPass === null)) return [];
  const who = [...seen.values()].map((hosts) => hosts.join(', ')).join(' and ');
  const message = `${who} have different passwords (auth_pass) in ${KEEPALIVED_CONF}: they do not accept each other's adverts; \`lbctl up\` sets both`;
  return [{ code: 'auth_pass_differs', message, host: null }];
}

/** null: not known, or no such file. Only the first 8 characters count for keepalived. */
function passwords(facts: Facts): string | null {
  try {
    const file = facts.need(fileProbe(KEEPALIVED_CONF));
    if (file.kind === 'missing' || file.content === null) return null;
    return JSON.stringify([...file.content.matchAll(AUTH_PASS)].map(([, , word = '']) => word.slice(0, 8)));
  } catch (error) {
    if (error instanceof UnknownFact) return null;
    throw error;
  }
}

function orUnknown(host: string, look: () => Problem[]): Problem[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    return [{ code: 'unknown_fact', message: `not known: ${error.message}`, host }];
  }
}
