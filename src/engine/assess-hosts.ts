import type { Cluster } from '../inventory/model.js';
import { isRunning, type ServiceFacts } from '../resources/probes/service.js';
import type { HostView } from './assess.js';
import type { Problem } from './documents.js';

/** What is wrong with each host that was reached. */
export function hostProblems(cluster: Cluster, views: readonly HostView[]): Problem[] {
  return views
    .filter((view) => view.reachable)
    .flatMap((view) => {
      const problem = (code: string, message: string): Problem => ({ code, message, host: view.name });
      const haproxyRuns = view.haproxyService !== null && isRunning(view.haproxyService);
      return [
        ...view.unknown.map((reason) => problem('unknown_fact', `not known: ${reason}`)),
        ...serviceProblems('haproxy', view.haproxyService, problem),
        ...serviceProblems('keepalived', view.keepalivedService, problem),
        ...(haproxyRuns && view.haproxy?.serving === false
          ? [problem('haproxy_not_serving', `HAProxy runs but does not serve: ${view.haproxy.reason}`)]
          : []),
        ...(typeof view.check === 'string' && haproxyRuns && view.haproxy?.serving === true
          ? [problem('check_failing', `keepalived's check of HAProxy: ${view.check}`)]
          : []),
        ...missingFrontends(cluster, view, problem),
      ];
    });
}

function serviceProblems(
  service: string,
  facts: ServiceFacts | null,
  problem: (code: string, message: string) => Problem,
): Problem[] {
  if (facts === null) return [];
  if (!facts.exists) return [problem(`${service}_missing`, `${service} is not installed: run \`lbctl up\``)];
  const problems: Problem[] = [];
  if (!isRunning(facts)) {
    const message = `${service} is ${facts.active}: see \`journalctl -u ${service}\`, or run \`lbctl up\``;
    problems.push(problem(`${service}_not_running`, message));
  }
  if (facts.masked || facts.enabled !== 'enabled') {
    const how = facts.masked ? 'masked' : facts.enabled || 'not enabled';
    problems.push(
      problem('service_not_enabled', `${service} is ${how}: it would not come back after a reboot`),
    );
  }
  return problems;
}

function missingFrontends(
  cluster: Cluster,
  view: HostView,
  problem: (code: string, message: string) => Problem,
): Problem[] {
  const { haproxy } = view;
  if (haproxy === null || !haproxy.serving) return [];
  const missing = cluster.haproxy.frontends
    .filter((it) => !haproxy.frontends.includes(it.name))
    .map((it) => it.name);
  if (missing.length === 0) return [];
  return [
    problem('frontend_missing', `HAProxy runs without frontend ${missing.join(', ')}: run \`lbctl up\``),
  ];
}
