const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\["\\\\n])*)"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:${LABEL},?)*)\\})? (-?\\d+(?:\\.\\d+)?)$`);

/**
 * What Prometheus makes of a text, by the rules that its own checker goes by; throws where one is broken. Returns values
 * by their series: the metric's name and its labels, resolved, as JSON.
 */
export function readPrometheus(text: string): ReadonlyMap<string, number> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const series = new Map<string, number>();
  const described = new Map<string, 'HELP' | 'TYPE'>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (what === 'HELP') {
      if (described.has(name)) throw new Error(`described twice: ${name}`);
      described.set(name, what);
      current = name;
    } else if (what === 'TYPE') {
      if (name !== current || described.get(name) !== 'HELP') throw new Error(`no place for: ${line}`);
      if (!/^(?:gauge|counter|histogram|summary|untyped)$/.test(rest)) throw new Error(`no type: ${line}`);
      described.set(name, what);
    } else add(line, current, described, series);
  }
  return series;
}

function add(
  line: string,
  current: string,
  described: ReadonlyMap<string, string>,
  series: Map<string, number>,
): void {
  const [, name = '', list = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  if (name !== current || described.get(name) !== 'TYPE') throw new Error(`not with its own: ${line}`);
  const labels: Record<string, string> = {};
  for (const [, label = '', value = ''] of list.matchAll(new RegExp(LABEL, 'g'))) {
    if (label in labels) throw new Error(`${label} twice: ${line}`);
    labels[label] = value.replace(/\\(.)/g, (_, it: string) => (it === 'n' ? '\n' : it));
  }
  const key = `${name} ${JSON.stringify(labels)}`;
  if (series.has(key)) throw new Error(`twice: ${line}`);
  series.set(key, Number(line.slice(line.lastIndexOf(' ') + 1)));
}
