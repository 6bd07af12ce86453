import type { DrillReport, FaultResult } from '../engine/documents.js';
import { verdictOf } from './drill-html.js';
import { escapeText } from './html.js';

/** A test suite a cluster, a test case a fault. What went wrong outside of a fault is a case of its own. */
export function formatDrillJunit({ clusters, errors, started, duration_ms, ok }: DrillReport): string {
  const suites = clusters.map(({ name, runs }) =>
    suite(
      name,
      runs.map(({ result }) => testCase(result)),
      started,
    ),
  );
  const failed = clusters.some(({ runs }) => runs.some(({ result }) => !verdictOf(result).good));
  // Nothing could be broken, or the run was interrupted: a report without a failure would say that all is well.
  if (!ok && !failed) suites.push(suite('drill', [otherFailure(errors)], started));
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="lbctl drill" time="${duration_ms / 1000}">
${suites.join('\n')}
</testsuites>
`;
}

interface Case {
  readonly failed: boolean;
  readonly xml: string;
}

function suite(name: string, cases: readonly Case[], started: string): string {
  const failures = cases.filter(({ failed }) => failed).length;
  return `<testsuite name="${escapeText(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0" timestamp="${escapeText(started)}">
${cases.map(({ xml }) => xml).join('\n')}
</testsuite>`;
}

function testCase(result: FaultResult): Case {
  const { good, text } = verdictOf(result);
  const name = `${result.fault} on ${result.host}${result.repetition > 1 ? ` (${result.repetition})` : ''}`;
  const time = ((result.takeover_ms ?? result.longest_gap_ms ?? 0) / 1000).toFixed(3);
  const said = `${text}. takeover_ms=${result.takeover_ms} longest_gap_ms=${result.longest_gap_ms} slowest_ms=${result.slowest_ms} requests=${result.requests} failed=${result.failed} measured from ${result.measured_from}`;
  const body = good
    ? `<system-out>${escapeText(said)}</system-out>`
    : `<failure message="${escapeText(text)}">${escapeText(result.error ?? said)}</failure>`;
  return {
    failed: !good,
    xml: `<testcase classname="${escapeText(result.cluster)}" name="${escapeText(name)}" time="${time}">${body}</testcase>`,
  };
}

function otherFailure(errors: readonly string[]): Case {
  const why = errors.join('; ') || 'interrupted';
  return {
    failed: true,
    xml: `<testcase classname="drill" name="drill"><failure message="${escapeText(why)}"></failure></testcase>`,
  };
}
