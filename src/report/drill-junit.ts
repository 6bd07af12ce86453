import type { DrillReport, FaultResult } from '../engine/documents.js';
import { verdictOf } from './drill-html.js';
import { escapeText } from './html.js';

/**
 * A test suite a cluster, a test case a fault; what went wrong outside of a fault is a case of its own. Written for the
 * strictest of the schemas in use: `timestamp` is UTC without a zone, every suite has its sums, every failure a type.
 */
export function formatDrillJunit({ clusters, errors, started, duration_ms, ok }: DrillReport): string {
  const suites = clusters.map(({ name, runs }) => ({
    name,
    cases: runs.map(({ result }) => testCase(result)),
  }));
  const failed = suites.some(({ cases }) => cases.some((it) => it.failed));
  // Nothing could be broken, or the run was interrupted: a report without a failure would say that all is well.
  if (!ok && !failed) suites.push({ name: 'drill', cases: [otherFailure(errors)] });
  const timestamp = started.replace(/(?:\.\d+)?Z$/, '');
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="lbctl drill" ${sums(suites.flatMap(({ cases }) => cases))} time="${seconds(duration_ms)}">
${suites.map(({ name, cases }) => suite(name, cases, timestamp)).join('\n')}
</testsuites>
`;
}

interface Case {
  readonly failed: boolean;
  readonly tookMs: number;
  readonly xml: string;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function sums(cases: readonly Case[]): string {
  return `tests="${cases.length}" failures="${cases.filter(({ failed }) => failed).length}" errors="0"`;
}

function suite(name: string, cases: readonly Case[], timestamp: string): string {
  const time = seconds(cases.reduce((sum, { tookMs }) => sum + tookMs, 0));
  return `<testsuite name="${escapeText(name)}" ${sums(cases)} skipped="0" time="${time}" timestamp="${escapeText(timestamp)}">
${cases.map(({ xml }) => xml).join('\n')}
</testsuite>`;
}

function testCase(result: FaultResult): Case {
  const { good, text } = verdictOf(result);
  const name = `${result.fault} on ${result.host}${result.repetition > 1 ? ` (${result.repetition})` : ''}`;
  const tookMs = result.takeover_ms ?? result.longest_gap_ms ?? 0;
  const said = `${text}. takeover_ms=${result.takeover_ms} longest_gap_ms=${result.longest_gap_ms} slowest_ms=${result.slowest_ms} requests=${result.requests} failed=${result.failed} measured from ${result.measured_from}`;
  const body = good
    ? `<system-out>${escapeText(said)}</system-out>`
    : failure(result.made ? 'not-survived' : 'not-made', text, result.error ?? said);
  return {
    failed: !good,
    tookMs,
    xml: `<testcase classname="${escapeText(result.cluster)}" name="${escapeText(name)}" time="${seconds(tookMs)}">${body}</testcase>`,
  };
}

function otherFailure(errors: readonly string[]): Case {
  const why = errors.join('; ') || 'interrupted';
  const xml = `<testcase classname="drill" name="drill" time="0.000">${failure('not-drilled', why, why)}</testcase>`;
  return { failed: true, tookMs: 0, xml };
}

function failure(type: string, message: string, text: string): string {
  return `<failure type="${type}" message="${escapeText(message)}">${escapeText(text)}</failure>`;
}
