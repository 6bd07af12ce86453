import type { Diagnostic } from '../base/diagnostic.js';
import { err, ok } from '../base/result.js';
import { joinCommands, raw, sh } from '../base/shell.js';
import type { Cluster, Host } from '../inventory/model.js';
import { firewalldProbe } from '../resources/firewall.js';
import { interfaceFor, networkProbe } from '../resources/probes/network.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';
import { blocksVrrp } from './packet-filter.js';
import { LISTEN_PERL, LISTEN_PYTHON } from './vrrp-listener.js';

/** Seconds to listen: more than three advertisement intervals of a second. */
const LISTEN_SECONDS = 3.5;

interface Wanted {
  readonly device: string;
  readonly addresses: readonly string[];
}

interface QuickAnswer {
  /** MAC address by virtual address that somebody answers for. */
  readonly answered: Readonly<Record<string, string>>;
  /** The packet filter in force, as nft or iptables print it. */
  readonly filter: string;
}

interface Heard {
  readonly speakers: readonly { readonly source: string; readonly virtualRouterId: number }[];
  /** Nothing on the host can listen: what is unknown is said. */
  readonly deaf: boolean;
}

/**
 * Who answers for the addresses, and what filters packets: known within a second. The kernel asks for an address once, and again
 * only a second later; whoever is on the network answers within milliseconds.
 */
function quickProbe(wanted: readonly Wanted[]): Probe<QuickAnswer> {
  const knock = wanted.flatMap(({ device, addresses }) => addresses.map((it) => sh`knock ${it} ${device} &`));
  return {
    key: 'preflight',
    script: joinCommands([
      sh`knock() {
  ip neigh flush to "$1" dev "$2" >/dev/null 2>&1
  bash -c 'exec 3<>"/dev/tcp/$0/9"' "$1" >/dev/null 2>&1 & asking=$!
  for tenth in 1 2 3 4 5 6 last; do
    kill -0 $asking || break
    if [ $tenth = last ]; then kill $asking; else sleep 0.1; fi
  done 2>/dev/null
  wait $asking 2>/dev/null
  mac=$(ip neigh show to "$1" dev "$2" | sed -n 's/.*lladdr \([0-9a-f:]*\) .*/\1/p')
  [ -z "$mac" ] || echo "answered $1 $mac"
}`,
      ...knock,
      raw(`wait
echo filter
if command -v nft >/dev/null; then nft list ruleset 2>/dev/null
elif command -v iptables-save >/dev/null; then iptables-save 2>/dev/null; fi
exit 0`),
    ]),
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(stderr.trim());
      const [head = '', ...filter] = stdout.split(/^filter$/m);
      const answered = Object.fromEntries(
        [...head.matchAll(/^answered (\S+) (\S+)$/gm)].map(([, address = '', mac = '']) => [address, mac]),
      );
      return ok({ answered, filter: filter.join('filter') });
    },
  };
}

/** Who speaks VRRP on the network, heard for more than three intervals of a second. */
function listenProbe(devices: readonly string[]): Probe<Heard> {
  return {
    key: 'preflight-listen',
    script: joinCommands([
      sh`listen() {
  if command -v python3 >/dev/null; then timeout 10 python3 -c ${LISTEN_PYTHON} "$1" ${LISTEN_SECONDS}
  elif [ -x /usr/libexec/platform-python ]; then timeout 10 /usr/libexec/platform-python -c ${LISTEN_PYTHON} "$1" ${LISTEN_SECONDS}
  elif command -v perl >/dev/null; then timeout 10 perl -e ${LISTEN_PERL} "$1" ${LISTEN_SECONDS}
  else echo 'deaf'; fi || echo 'deaf'
}`,
      ...devices.map((device) => sh`listen ${device} &`),
      raw('wait'),
    ]),
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(stderr.trim());
      const speakers = [...stdout.matchAll(/^vrrp (\S+) (\d+)$/gm)].map(([, source = '', vrid]) => ({
        source,
        virtualRouterId: Number(vrid),
      }));
      return ok({ speakers, deaf: /^deaf$/m.test(stdout) });
    },
  };
}

export interface PreflightQuestion {
  readonly quick: Probe<QuickAnswer>;
  readonly listen: Probe<Heard>;
  readonly needs: readonly Probe<unknown>[];
}

export interface PreflightOccasion {
  /** Addresses that no host of the cluster holds: nobody may answer for them, nobody else may speak for their instances. */
  readonly unheld: ReadonlySet<string>;
  /** keepalived is about to start on this host, whoever holds the addresses. */
  readonly joins: boolean;
}

/** What to ask a host; null where there is nothing to ask, or it cannot be asked yet (the plan says why). */
export function preflightFor(
  cluster: Cluster,
  host: Host,
  facts: Facts,
  { unheld, joins }: PreflightOccasion,
): PreflightQuestion | null {
  const interfaces = facts.need(networkProbe);
  const wanted = cluster.vrrpInstances.flatMap((instance): Wanted[] => {
    const device = interfaceFor(instance, host, interfaces);
    const addresses = instance.virtualIpaddress.map((vip) => vip.address).filter((it) => unheld.has(it));
    return device === undefined || addresses.length === 0 ? [] : [{ device, addresses }];
  });
  if (wanted.length === 0 && !joins) return null;
  return {
    quick: quickProbe(wanted),
    listen: listenProbe([...new Set(wanted.map(({ device }) => device))]),
    needs: cluster.system.firewall === 'keep' ? [firewalldProbe] : [],
  };
}

/**
 * What forbids the first start, seen from one host at a first glance.
 * @param ownMacs lower case, of the cluster's hosts: theirs are no strangers' answers
 */
export function quickProblems(
  cluster: Cluster,
  host: Host,
  question: PreflightQuestion,
  facts: Facts,
  ownMacs: ReadonlySet<string>,
): Diagnostic[] {
  return orUnknown(cluster, host, () => {
    const answer = facts.need(question.quick);
    return [...foreignHolders(answer, ownMacs), ...filters(cluster, host, answer, question, facts)];
  });
}

/**
 * What forbids the first start, from what one host heard.
 * @param own addresses of the cluster's hosts, link-local ones included
 */
export function heardProblems(
  cluster: Cluster,
  host: Host,
  question: PreflightQuestion,
  facts: Facts,
  own: ReadonlySet<string>,
): Diagnostic[] {
  return orUnknown(cluster, host, () => foreignSpeakers(cluster, facts.need(question.listen), own));
}

function orUnknown(cluster: Cluster, host: Host, judge: () => Diagnostic[]): Diagnostic[] {
  const about = { cluster: cluster.name, host: host.name };
  try {
    return judge().map((it) => ({ ...it, ...about }));
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    const summary = 'the look before the first start failed';
    return [{ severity: 'error', code: 'unknown-fact', summary, detail: error.reason, ...about }];
  }
}

function foreignHolders(answer: QuickAnswer, ownMacs: ReadonlySet<string>): Diagnostic[] {
  const strangers = Object.entries(answer.answered).filter(([, mac]) => !ownMacs.has(mac.toLowerCase()));
  return strangers.map(([address, mac]) => ({
    severity: 'error',
    code: 'address-in-use',
    summary: `another machine answers for ${address} (its MAC address is ${mac})`,
    hint: `find it with \`ip neigh show ${address}\` and take the address off it, or choose another virtual address`,
  }));
}

function foreignSpeakers(cluster: Cluster, answer: Heard, own: ReadonlySet<string>): Diagnostic[] {
  const ours = new Set(cluster.vrrpInstances.map((instance) => instance.virtualRouterId));
  const foreign = answer.speakers.filter((it) => !own.has(it.source) && ours.has(it.virtualRouterId));
  const problems: Diagnostic[] = [...new Set(foreign.map((it) => `${it.source} ${it.virtualRouterId}`))].map(
    (text) => {
      const [source, vrid] = text.split(' ');
      return {
        severity: 'error',
        code: 'vrid-in-use',
        summary: `${source} speaks VRRP with virtual_router_id ${vrid} on this network`,
        hint: 'choose another `virtual_router_id` for this pair',
      };
    },
  );
  if (!answer.deaf) return problems;
  return [
    ...problems,
    {
      severity: 'warning',
      code: 'vrrp-not-heard',
      summary: 'nothing on this host can listen for foreign VRRP speakers (no python3, no perl): not checked',
    },
  ];
}

function filters(
  cluster: Cluster,
  host: Host,
  answer: QuickAnswer,
  question: PreflightQuestion,
  facts: Facts,
): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { firewall } = cluster.system;
  const devices = cluster.vrrpInstances.flatMap(
    (it) => interfaceFor(it, host, facts.need(networkProbe)) ?? [],
  );
  if (question.needs.length > 0) {
    const firewalld = facts.need(firewalldProbe);
    for (const zone of new Set(devices.map((it) => firewalld.zoneOf[it] ?? firewalld.zoneOf.default ?? ''))) {
      const found = firewalld.runtime[zone];
      if (!firewalld.running || found?.target === 'ACCEPT' || found?.protocols.includes('vrrp') === true)
        continue;
      problems.push({
        severity: 'error',
        code: 'firewall-drops-vrrp',
        summary: `firewalld drops VRRP in zone ${zone} (\`system.firewall: keep\`): both hosts would hold the address`,
        hint: `\`firewall-cmd --permanent --zone=${zone} --add-protocol=vrrp && firewall-cmd --reload\`, or \`firewall: open\``,
      });
    }
  }
  const chain = blocksVrrp(answer.filter, { devices, ufwYields: firewall !== 'keep' });
  if (chain !== null) {
    problems.push({
      severity: 'error',
      code: 'filter-drops-vrrp',
      summary: `the packet filter drops VRRP (${chain}): both hosts would hold the address`,
      hint: 'accept IP protocol 112 there, for example with `nft insert rule inet filter input ip protocol vrrp accept`',
    });
  }
  return problems;
}
