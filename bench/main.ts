import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { openLab } from './hosts.js';
import { many } from './many.js';
import { type Bench, build, change, contendersFor, latency, rerun } from './pair.js';
import { simulated } from './simulated/growth.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '9' },
    'slow-runs': { type: 'string', default: '3' },
    only: { type: 'string', default: 'rerun,latency,change,build,many,simulated' },
    without: { type: 'string', default: '' },
    keep: { type: 'boolean' },
  },
});
const { BENCH_ROOT: root = '', BENCH_WORK: work = '' } = process.env;
const wanted = new Set(values.only.split(','));
const { lab, pair, vip } = await openLab(root);
const bench: Bench = {
  ...{ root, work, lab },
  runs: Number(values.runs),
  slowRuns: Number(values['slow-runs']),
  without: new Set(values.without.split(',')),
};
const fleet = { hosts: pair, vips: { web: vip }, firstRouterId: 51 };

const show = (text: string) => process.stdout.write(`${text}\n`);
const contenders = await contendersFor(bench, fleet, 'pair');
const { model = 'unknown' } = cpus()[0] ?? {};
show(
  `Medians; ${cpus().length} × ${model}, node ${process.versions.node}. Hosts: containers of the test lab on the same machine.\n`,
);
if (wanted.has('rerun')) show(await rerun(bench, contenders));
if (wanted.has('change')) show(await change(bench, contenders, vip));
if (wanted.has('latency')) show(await latency(bench, fleet));
if (wanted.has('simulated')) show(await simulated(bench, pair, vip));
if (wanted.has('many')) show(await many(bench, pair[0]?.container ?? ''));
if (wanted.has('build')) show(await build(bench, contenders));
