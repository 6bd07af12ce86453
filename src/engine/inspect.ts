import { Secret } from '../base/secret.js';
import type { Cluster } from '../inventory/model.js';
import { buildResources, type HostResources } from '../planning/build-resources.js';
import type { Playbook } from '../playbook/model.js';
import { renderHaproxy } from '../render/haproxy.js';
import { FLIP_MARK } from '../render/platform.js';
import { formerMembers, membersProbe } from '../resources/members.js';
import { answeringProbe, startAnsweringProbe } from '../resources/probes/answering.js';
import { certificatePlaces, certificatesProbe } from '../resources/probes/certificates.js';
import { fileProbe } from '../resources/probes/file.js';
import { complaintsProbe } from '../resources/probes/log-complaints.js';
import { serviceProbe } from '../resources/probes/service.js';
import { type Probe, UnknownFact } from '../resources/types.js';
import { assess, type Observations, statusProbes } from './assess.js';
import type { ClusterStatus, Problem } from './documents.js';
import { driftProblems, MASKED } from './inspect-drift.js';
import { certificateProblems, complaints, formerNotes, lockNotes, waitingNotes } from './inspect-hosts.js';
import { networkFindings } from './inspect-network.js';
import { lockProbe } from './lock-look.js';
import { reachableFacts } from './prepare.js';

/** What `status` finds besides the assessment: problems count against the pair, notes do not. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly notes: readonly Problem[];
}

/** What `lbctl status` asks and how it judges the answers. */
export interface Inspection {
  probes(host: string): readonly Probe<unknown>[];
  judge(observations: Observations): ClusterStatus;
}

/** Resource types whose files and settings say how the pair runs, and that are compared within milliseconds. */
const COMPARED = [
  'haproxy_config',
  'keepalived_config',
  'check_script',
  'takeover_script',
  'systemd_dropin',
  'sysctl',
];

/**
 * The whole look at a cluster, in one round trip a host: the assessment, and what makes the next failure worse
 * than it need be. No password is needed: it is cut out on both sides before files are compared.
 */
export function inspection(cluster: Cluster, playbook: Playbook): Inspection {
  const placeholders = cluster.vrrpInstances
    .filter((it) => it.authPass !== null)
    .map((it) => [it.name, new Secret(MASKED)] as const);
  const resources = buildResources(comparedOf(playbook), cluster, new Map(placeholders));
  const places = certificatePlaces(renderHaproxy(cluster, 'debian'));
  const certificates = certificatesProbe(places);
  return {
    probes: (host) => [
      startAnsweringProbe(cluster),
      ...statusProbes(cluster),
      complaintsProbe,
      certificates,
      lockProbe,
      fileProbe(FLIP_MARK),
      membersProbe,
      ...probesOf(resources, host),
      answeringProbe,
    ],
    judge(observations) {
      const status = assess(cluster, observations);
      const facts = reachableFacts(observations);
      const all: Findings[] = [
        networkFindings(cluster, status, facts),
        driftProblems(cluster, resources, facts),
        ...[...facts].flatMap(([host, own]) => [
          guarded(host, () => certificateProblems(host, own.need(certificates), places.unresolved)),
          guarded(host, () =>
            complaints(
              cluster,
              host,
              own.need(complaintsProbe),
              own.need(serviceProbe('keepalived')).loadedAge,
            ),
          ),
          guarded(host, () => formerNotes(formerMembers(cluster.hosts, own))),
          guarded(host, () => lockNotes(host, own.need(lockProbe))),
          guarded(host, () =>
            waitingNotes(host, own.need(fileProbe(FLIP_MARK)), own.need(serviceProbe('keepalived'))),
          ),
        ]),
      ];
      const problems = unique([...status.problems, ...all.flatMap((it) => it.problems)]);
      const notes = unique(all.flatMap((it) => it.notes));
      return {
        ...status,
        state: stateWith(status, problems),
        problems,
        notices: [...status.notices, ...notes],
      };
    },
  };
}

/** What could not be learnt is said, once: it never counts as well. */
export function guarded(host: string, look: () => Findings): Findings {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    const message = `not known: ${error.message}`;
    return { problems: [{ code: 'unknown_fact', message, host }], notes: [] };
  }
}

/** Beside a holder these are a second one to clients. */
const ANSWER_AS_WELL = ['foreign_holder', 'answers_without_address'];

function stateWith(status: ClusterStatus, problems: readonly Problem[]): ClusterStatus['state'] {
  const foreign = problems.some((it) => ANSWER_AS_WELL.includes(it.code));
  const held = status.virtual_ips.some((vip) => vip.holders.length > 0);
  if (foreign && held) return 'split_brain';
  return status.state === 'healthy' && problems.length > 0 ? 'degraded' : status.state;
}

function comparedOf(playbook: Playbook): Playbook {
  return playbook.map((play) => ({
    ...play,
    tasks: play.tasks.filter((task) => task.own === undefined && COMPARED.includes(task.type)),
  }));
}

function probesOf(resources: readonly HostResources[], host: string): readonly Probe<unknown>[] {
  const own = resources.find((it) => it.host.name === host);
  return (own?.plays ?? []).flat().flatMap(({ resource }) => resource.probes);
}

/** Without those that say the same of the same host. */
export function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((it) => [`${it.code} ${it.host} ${it.message}`, it])).values()];
}
