import type { Cluster, VrrpInstance } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

/** What must fit together within each VRRP instance, and with the check over HAProxy. */
export function checkVrrp(cluster: Cluster, places: Places, problems: Problems): void {
  for (const instance of cluster.vrrpInstances) {
    checkPriorities(cluster, instance, places, problems);
    checkVersion(instance, places, problems);
    checkPreemption(cluster, instance, places, problems);
    checkWeight(cluster, instance, places, problems);
    checkUnicast(cluster, instance, places, problems);
  }
  const { interval, timeout } = cluster.check;
  if (timeout > interval && places.has(cluster.check, 'timeout')) {
    const summary = `the check may run for ${timeout} s, but the next is due after ${interval} s`;
    const hint = 'a "timeout" of at most "interval" finds a hung HAProxy sooner';
    problems.warn(places.get(cluster.check, 'timeout') ?? cluster.source, 'slow-check', summary, hint);
  }
}

function checkPriorities(cluster: Cluster, instance: VrrpInstance, places: Places, problems: Problems): void {
  const owners = new Map<number, string>();
  for (const [host, priority] of Object.entries(instance.priority)) {
    const span = places.get(instance, `priority.${host}`);
    if (span === undefined && priority < 1) {
      const summary = `with ${cluster.hosts.length} hosts the default priorities run out`;
      const place = places.of(instance, 'priority');
      problems.error(place, 'missing-priority', summary, `give "${host}" a priority from 1 to 254`);
      continue;
    }
    // Wrong, and told already.
    if (priority === 0) continue;
    const first = owners.get(priority);
    owners.set(priority, first ?? host);
    if (first === undefined) continue;
    // Point at the one that is written: the other may be a default.
    const place = span ?? places.get(instance, `priority.${first}`) ?? instance.source;
    const written = places.has(instance, `priority.${first}`) ? '' : ' by default';
    const own = span === undefined ? ' by default' : '';
    const summary = `"${host}" has${own} the priority ${priority}, and so has "${first}"${written}: they must differ`;
    problems.error(place, 'duplicate-priority', summary);
  }
}

function checkVersion(instance: VrrpInstance, places: Places, problems: Problems): void {
  if (instance.version !== 3 || instance.authPass === null) return;
  const why = instance.advertInt < 1 ? `"advert_int" ${instance.advertInt} selects` : 'IPv6 needs';
  const summary = `${why} VRRP version 3, which has no "auth_pass"`;
  const hint = 'take out "auth_pass", or set "advert_int" to 1 or more';
  problems.error(places.of(instance, 'authPass'), 'auth-with-version-3', summary, hint);
}

function checkPreemption(cluster: Cluster, instance: VrrpInstance, places: Places, problems: Problems): void {
  if (instance.preempt) return;
  const place = places.of(instance, 'preempt');
  if (cluster.check.weight < 0) {
    const summary = '"preempt: false" with a check "weight": the standby would never take over';
    problems.error(
      place,
      'preempt-with-weight',
      summary,
      'set "weight" to 0, or let the better host preempt',
    );
  }
  if (instance.preemptDelay > 0) {
    const summary = '"preempt_delay" has no effect with "preempt: false"';
    problems.warn(places.of(instance, 'preemptDelay'), 'no-effect', summary);
  }
}

/** Adverts of an instance travel in its own family: the hosts' addresses must be of that family. */
function checkUnicast(cluster: Cluster, instance: VrrpInstance, places: Places, problems: Problems): void {
  const [vip] = instance.virtualIpaddress;
  if (!instance.unicast || vip === undefined) return;
  const other = cluster.hosts.find(
    (host) => host.address !== '' && host.address.includes(':') !== (vip.family === 6),
  );
  if (other === undefined) return;
  const summary = `"unicast" needs host addresses of the virtual addresses' family; "${other.name}" has ${other.address}`;
  problems.error(
    places.of(instance, 'unicast'),
    'unicast-family',
    summary,
    'leave "unicast" out: multicast works',
  );
}

/** keepalived never goes below an effective priority of 1: two hosts could meet there. */
function checkWeight(cluster: Cluster, instance: VrrpInstance, places: Places, problems: Problems): void {
  const { weight } = cluster.check;
  const priorities = Object.values(instance.priority);
  if (weight >= 0 || priorities.length < 2 || priorities.some((priority) => priority < 1)) return;
  const lowest = Math.min(...priorities);
  const difference = Math.max(...priorities) - lowest;
  const place = places.get(cluster.check, 'weight') ?? cluster.source;
  if (-weight <= difference) {
    const summary = `"weight" ${weight} cannot move "${instance.name}": its priorities are ${difference} apart`;
    problems.error(place, 'weight-too-small', summary, `${-difference - 1} or less would`);
  } else if (lowest + weight < 1) {
    const summary = `"weight" ${weight} takes the priority ${lowest} of "${instance.name}" below 1`;
    const hint = `from ${1 - lowest} up, or raise the priorities`;
    problems.error(place, 'weight-too-large', summary, hint);
  }
}
