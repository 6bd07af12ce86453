/** Colours come in pairs, for light and dark; nothing is told by colour alone. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --text: #1c2128; --soft: #59636e; --line: #d1d9e0; --panel: #f6f8fa;
  --good: #1a7f37; --bad: #c62828; --held: #2f6fdb; --mark: #8250df; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1318; --text: #e6edf3; --soft: #9aa5b1; --line: #353c44;
  --panel: #181d24; --good: #4cc36a; --bad: #ff7b72; --held: #6ea8fe; --mark: #c297ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; } h3 { font-size: 1.05rem; margin: 0; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .good, .bad { font-weight: 600; }
code { font-family: ui-monospace, monospace; font-size: .85em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
.scroll:focus-visible { outline: 2px solid var(--held); }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .35rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } tbody th { color: var(--text); }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tbody tr:last-child > * { border-bottom: 0; }
.fault { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
figure { margin: .75rem 0 .25rem; } figcaption { color: var(--soft); font-size: .875rem; }
.time { display: grid; grid-template-columns: minmax(3rem, max-content) 1fr; gap: .25rem .6rem; align-items: center; font-size: .8rem; }
.time > span { max-width: 7rem; }
.time svg { display: block; width: 100%; height: 1.1rem; background: var(--ground); border: 1px solid var(--line); }
.time svg.asked { height: 4rem; }
.held { fill: var(--held); } .answered { fill: var(--good); } .failed { fill: var(--bad); }
.mark { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 3 2; vector-effect: non-scaling-stroke; }
.zero { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; }
.axis { position: relative; height: 1.2rem; } .axis span { position: absolute; transform: translateX(-50%); white-space: nowrap; color: var(--soft); }
ol { margin: .5rem 0 0; padding-left: 1.25rem; font-size: .875rem; } li { margin: .1rem 0; }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dt { margin-top: .25rem; } .fault { padding: .6rem .7rem; } }
`;
