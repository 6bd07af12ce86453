import type { DrilledCluster, DrillReport, FaultResult, FaultRun } from '../engine/documents.js';
import { DRILL_HEAD, drillCells, groupsOf } from './drill.js';
import { STYLE } from './drill-html-style.js';
import { drillTimeline } from './drill-timeline.js';
import { Html, html } from './html.js';
import { plainPaint } from './paint.js';
import { count, duration, exact } from './words.js';

/** One page that needs nothing else: no script, no picture or style from elsewhere. */
export function formatDrillHtml(report: DrillReport): string {
  const { ok, clusters, errors } = report;
  const title = `Drill of ${clusters.map(({ name }) => name).join(', ') || report.inventory}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="soft">${report.started}, ${duration(report.duration_ms)}, ${report.inventory}</p>
<p>${ok ? html`<span class="good">Passed:</span> every fault was survived, and the pair is healthy again.` : html`<span class="bad">Not passed.</span>`}</p>
${errors.length === 0 ? null : html`<ul>${errors.map((it) => html`<li>${it}</li>`)}</ul>`}
</header>
<main>
${clusters.map(clusterPart)}
</main>
</body>
</html>
`;
  return page.text;
}

function clusterPart(cluster: DrilledCluster): Html {
  const { configuration, runs } = cluster;
  const files = configuration.files.map(
    ({ host, path, sha256 }) => html`<li>${host}: <code>${path}</code> <code>${sha256}</code></li>`,
  );
  return html`<section>
<h2>${cluster.name}</h2>
<dl>
<dt>Asked</dt><dd>${cluster.asked}, a new connection each time</dd>
<dt>Measured from</dt><dd>${cluster.measured_from}</dd>
<dt>Clocks agree within</dt><dd>${exact(Math.ceil(cluster.clock_error_ms))}</dd>
<dt>Configuration</dt><dd><code>${configuration.hash.slice(0, 16)}</code></dd>
</dl>
<details><summary>Files of this configuration (SHA-256 without passwords)</summary><ul>${files}</ul></details>
${figures(runs.map(({ result }) => result))}
${runs.map((run) => faultPart(run, cluster))}
</section>`;
}

function figures(results: readonly FaultResult[]): Html | null {
  if (results.length === 0) return null;
  const groups = groupsOf(results);
  const most = Math.max(...groups.map((group) => group.length));
  const rows = groups.map((group) => {
    const [first, ...rest] = drillCells(group, { withCluster: false, paint: plainPaint });
    return html`<tr><th scope="row">${first?.text ?? ''}</th>${rest.map(({ text }) => html`<td>${text}</td>`)}${
      rest.length === DRILL_HEAD.length - 1
        ? null
        : html`<td colspan="${DRILL_HEAD.length - 1 - rest.length}"></td>`
    }</tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="Figures" tabindex="0"><table>
<thead><tr>${DRILL_HEAD.map((it) => html`<th scope="col">${it}</th>`)}</tr></thead>
<tbody>${rows}</tbody>
</table></div>
${most > 1 ? html`<p class="soft">Medians of ${most}; each run is below.</p>` : null}`;
}

function faultPart(run: FaultRun, cluster: DrilledCluster): Html {
  const { result } = run;
  const often = cluster.runs.filter((it) => it.result.fault === result.fault).length;
  const verdict = verdictOf(result);
  return html`<article class="fault">
<h3>${result.fault} on ${result.host}${often > 1 ? ` (${result.repetition} of ${often})` : ''}</h3>
<p><span class="${verdict.good ? 'good' : 'bad'}">${verdict.text}</span>${result.method === null ? null : html` <span class="soft">(made with ${result.method})</span>`}</p>
${result.error === null ? null : html`<p>${result.error}</p>`}
${result.made ? html`<p>Longest gap ${exact(result.longest_gap_ms ?? 0)}; slowest answer ${result.slowest_ms === null ? 'none' : exact(result.slowest_ms)}; ${result.failed} of ${count(result.requests, 'request')} failed (${Math.round(result.rate)} a second). ${wayBack(result)}</p>` : null}
${drillTimeline(run, cluster.hosts)}
</article>`;
}

function wayBack({ return: back }: FaultResult): string {
  if (back === null) return '';
  return `On the way back: longest gap ${exact(back.longest_gap_ms)}, ${back.failed} of ${back.requests} failed.`;
}

export function verdictOf(result: FaultResult): { readonly good: boolean; readonly text: string } {
  if (!result.made) return { good: false, text: 'Could not be made' };
  if (!result.restored) return { good: false, text: 'Not restored' };
  if (result.takeover_expected && result.takeover_ms === null)
    return { good: false, text: 'Nobody took over' };
  const moved =
    result.takeover_ms === null ? 'The address stayed' : `Taken over in ${exact(result.takeover_ms)}`;
  return { good: result.error === null, text: `${moved}, restored` };
}
