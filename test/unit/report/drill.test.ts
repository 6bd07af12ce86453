import { describe, expect, it } from 'vitest';
import type { DrillReport, FaultResult, FaultRun } from '../../../src/engine/documents.js';
import { drillTable, median } from '../../../src/report/drill.js';
import { formatDrillHtml } from '../../../src/report/drill-html.js';
import { formatDrillJunit } from '../../../src/report/drill-junit.js';
import { plainPaint } from '../../../src/report/paint.js';
import { readJunit } from '../support/junit.js';

const EVIL = `<img src=x onerror="alert('1')">&\u001b[31m`;

function result(changes: Partial<FaultResult> = {}): FaultResult {
  return {
    cluster: 'web',
    fault: 'haproxy-stop',
    host: 'lb1',
    repetition: 1,
    measured_from: 'python3 on client',
    made: true,
    method: null,
    detection_ms: 12.4,
    detected_by: 'lb1',
    detected_as: 'VI_1: Entering FAULT STATE',
    takeover_ms: 1379.2,
    taken_over_by: 'lb2',
    takeover_expected: true,
    requests: 300,
    failed: 138,
    longest_gap_ms: 1390.1,
    two_holders_ms: 0,
    slowest_ms: 5,
    rate: 100,
    client_late_ms: 0,
    return: { requests: 200, failed: 1, longest_gap_ms: 47, slowest_ms: 3, rate: 100, client_late_ms: 0 },
    restored: true,
    restore_ms: 3000,
    error: null,
    ...changes,
  };
}

const NOT_MADE = {
  made: false,
  takeover_ms: null,
  longest_gap_ms: null,
  detection_ms: null,
  return: null,
  error: 'no way',
};

function run(changes: Partial<FaultResult> = {}): FaultRun {
  const timeline = {
    ...{ from_ms: -500, to_ms: 6000, undone_ms: 3000 },
    holders: [
      { host: 'lb1', from_ms: -500, to_ms: 1370 },
      { host: 'lb2', from_ms: 1379, to_ms: 4000 },
    ],
    notes: [{ at_ms: 12, host: 'lb1', text: EVIL }],
    requests: Array.from({ length: 650 }, (_, index) => ({
      at_ms: index * 10 - 500,
      took_ms: 1,
      ok: index < 50 || index > 180,
    })),
  };
  const told = result(changes);
  return { result: told, timeline: told.made ? timeline : null };
}

function report(runs: FaultRun[], changes: Partial<DrillReport> = {}): DrillReport {
  return {
    started: '2026-11-23T22:00:00.000Z',
    inventory: 'inventory.yaml',
    duration_ms: 12_345,
    ok: true,
    errors: [],
    clusters: [
      {
        ...{ name: 'web', hosts: ['lb1', 'lb2'], address: '192.0.2.200', asked: 'http://192.0.2.200/' },
        ...{ measured_from: 'python3 on client', clock_error_ms: 4.2 },
        configuration: {
          hash: 'a'.repeat(64),
          files: [{ host: 'lb1', path: '/etc/haproxy/haproxy.cfg', sha256: 'b'.repeat(64) }],
        },
        runs,
      },
    ],
    ...changes,
  };
}

describe('the table', () => {
  it('has a line for each fault, and medians where it was made several times', () => {
    const lines = drillTable(
      [
        ...[1300, 1500, 1400].map((takeover_ms, index) => result({ takeover_ms, repetition: index + 1 })),
        result({
          fault: 'haproxy-kill',
          takeover_ms: null,
          takeover_expected: false,
          detection_ms: null,
          failed: 0,
        }),
        result({ fault: 'haproxy-hang', takeover_ms: null }),
        result({ fault: 'network-cut', ...NOT_MADE }),
      ],
      plainPaint,
    ).map((line) => line.replace(/ {2,}/g, ' | ').trim());
    expect(lines.slice(1)).toEqual([
      '| haproxy-stop | lb1 | 12 ms | 1,400 ms | 1,390 ms | 5 ms | 138 of 300 | 47 ms, 1 failed | yes',
      '| haproxy-kill | lb1 | - | - | 1,390 ms | 5 ms | 0 of 300 | 47 ms, 1 failed | yes',
      '| haproxy-hang | lb1 | 12 ms | no | 1,390 ms | 5 ms | 138 of 300 | 47 ms, 1 failed | yes',
      '| network-cut | lb1 | cannot be made',
      '| measured by python3 on client; 100 requests a second or more; medians of 3',
    ]);
  });

  it('is not there where nothing was broken', () => {
    expect(drillTable([], plainPaint)).toEqual([]);
  });

  it('says when the client itself paused', () => {
    expect(drillTable([result({ client_late_ms: 240 })], plainPaint).at(-1)).toContain(
      'paused for up to 240 ms',
    );
  });
});

it.each([
  [[], null],
  [[7], 7],
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
] as const)('the median of %j is %j', (values, expected) => {
  expect(median(values)).toBe(expected);
});

describe('the page', () => {
  it('is whole, needs nothing else, and tells the figures', () => {
    const page = formatDrillHtml(report([run(), run({ fault: 'network-cut', method: 'nft' })]));
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).toContain('<td>1,379 ms</td>');
    expect(page).toContain('aaaaaaaaaaaaaaaa');
    expect(page).toContain('made with nft');
    expect(page).toContain('lb2 held the address from 1,379 ms to 4,000 ms');
    expect(page).not.toMatch(/(?:src|href)=|@import|url\(|<script/);
    for (const name of [
      'html',
      'body',
      'main',
      'section',
      'article',
      'figure',
      'svg',
      'table',
      'tr',
      'dl',
      'ol',
      'span',
      'p',
    ])
      expect(page.split(new RegExp(`<${name}[ >]`)).length, name).toBe(page.split(`</${name}>`).length);
  });

  it('escapes everything', () => {
    const evil = {
      fault: EVIL,
      host: EVIL,
      detected_as: EVIL,
      detected_by: EVIL,
      error: EVIL,
      measured_from: EVIL,
      method: EVIL,
    };
    const document = report([run(evil), run({ ...NOT_MADE, error: EVIL })], {
      inventory: EVIL,
      errors: [EVIL],
    });
    const [cluster] = document.clusters;
    if (cluster === undefined) throw new Error('no cluster');
    const named = { ...cluster, name: EVIL, hosts: [EVIL], asked: EVIL, measured_from: EVIL };
    const page = formatDrillHtml({ ...document, clusters: [named] });
    expect(page).not.toContain('<img');
    expect(page).not.toContain('onerror="');
    expect(page).not.toContain('\u001b');
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;\\x1b[31m');
    const xml = formatDrillJunit({ ...document, clusters: [named] });
    expect(xml).not.toContain('<img');
    expect(xml).not.toContain('\u001b');
  });

  it('can be made of a drill that broke nothing', () => {
    expect(
      formatDrillHtml(report([], { ok: false, clusters: [], errors: ['the pair is degraded'] })),
    ).toContain('the pair is degraded');
  });
});

describe('the JUnit report', () => {
  it('has a case for each fault, and fails those that were not survived', () => {
    const xml = formatDrillJunit(
      report([run(), run({ repetition: 2, takeover_ms: null }), run({ fault: 'network-cut', ...NOT_MADE })], {
        ok: false,
      }),
    );
    expect(xml).toContain('<testsuite name="web" tests="3" failures="2"');
    expect(xml).toContain(
      '<testcase classname="web" name="haproxy-stop on lb1" time="1.379"><system-out>Taken over in 1,379 ms',
    );
    expect(xml).toContain('name="haproxy-stop on lb1 (2)"');
    expect(xml).toContain('<failure type="not-survived" message="Nobody took over">');
    expect(xml).toContain('<failure type="not-made" message="Could not be made">no way</failure>');
    expect(readJunit(xml).map(({ failure }) => failure !== null)).toEqual([false, true, true]);
  });

  it('does not pass where nothing could be broken', () => {
    const xml = formatDrillJunit(report([], { ok: false, clusters: [], errors: ['the pair is degraded'] }));
    expect(readJunit(xml)).toEqual([{ name: 'drill', failure: 'the pair is degraded' }]);
  });

  it('is valid whatever the texts are', () => {
    const evil = `]]>\u0000\ufffe${EVIL}\n"`;
    const broken = { ...NOT_MADE, cluster: evil, fault: evil, host: evil, error: evil, measured_from: evil };
    const [passed, failed] = readJunit(
      formatDrillJunit(report([run({ cluster: evil, measured_from: evil }), run(broken)], { ok: false })),
    );
    expect(passed?.failure).toBeNull();
    expect(failed?.name).toContain(`<img src=x onerror="alert('1')">&\\x1b[31m`);
    expect(failed?.failure).toContain(']]>');
  });
});
