import { spawn } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { readJunit } from '../unit/support/junit.js';
import { on, onBoth, PAIR, processes } from './support/hosts.js';
import { lbctl, type Run, start, summaryOf } from './support/lbctl.js';
import { agingLock, leftByKilled, leftOn } from './support/left.js';
import { healthy, heldBy, inventory, startReady, status } from './support/pair.js';
import { onTerminal } from './support/terminal.js';
import { until } from './support/until.js';

interface Fault {
  fault: string;
  host: string;
  takeover_ms: number | null;
  longest_gap_ms: number;
  requests: number;
  failed: number;
  restored: boolean;
  method: string | null;
  error: string | null;
  measured_from: string;
  detected_by: string | null;
}

const faultsOf = (run: Run) => (summaryOf(run) as unknown as { faults: Fault[] }).faults;

describe('lbctl drill', () => {
  let path: string;
  let folder: string;

  beforeAll(async () => {
    await startReady();
    const { hosts } = await labInfo();
    path = await inventory('drill.yaml', (file) => {
      Object.assign(file.clusters.web, { drill: { from: `root@127.0.0.1:${hosts.client.ssh_port}` } });
    });
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(0);
    folder = await mkdtemp(join(tmpdir(), 'lbctl-e2e-drill-'));
    await heldBy('lb1');
  });

  afterAll(async () => {
    await onBoth('systemctl start haproxy keepalived');
  });

  it('asks for --yes where nobody can be asked, and knows its faults; nothing is contacted', async () => {
    const silent = await lbctl('drill', path);
    expect(silent.exit, silent.said).toBe(3);
    expect(silent.stderr).toContain('--yes');
    const unknown = await lbctl('drill', path, '--yes', '--fault', 'earthquake');
    expect(unknown.exit, unknown.said).toBe(3);
    expect(unknown.stderr).toContain('network-cut');
  });

  it('says on a terminal what it is about to break, and does nothing unless told yes', async () => {
    const before = await Promise.all(PAIR.map((host) => processes(host, 'keepalived')));
    const answers = [[/Type yes: $/, 'no\r']] as const;
    const declined = await onTerminal(['drill', path, '--fault', 'keepalived-stop'], answers);
    expect([declined.exit, declined.left], declined.seen).toEqual([1, []]);
    expect(declined.seen).toContain('This breaks web (its active host) on purpose');
    expect(declined.seen).toContain('keepalived stopped');
    expect(declined.seen).toContain('nothing was broken');
    expect(await Promise.all(PAIR.map((host) => processes(host, 'keepalived')))).toEqual(before);
    expect(await leftOn(['el1', 'el2'])).toEqual(['', '']);
  });

  it('breaks the active host, measures from the client, restores it, and leaves nothing behind', async () => {
    const [page, xml] = [join(folder, 'drill.html'), join(folder, 'drill.xml')];
    const faults = ['keepalived-stop', 'network-cut'];
    const flags = ['--json', '--yes', '--fault', faults.join(','), '--report', page, '--junit', xml];
    const run = await lbctl('drill', path, ...flags);
    expect(run.exit, run.said).toBe(0);
    const found = faultsOf(run);
    expect(found.map(({ fault, host, restored }) => [fault, host, restored])).toEqual(
      faults.map((fault) => [fault, 'lb1', true]),
    );
    for (const it of found) {
      expect(it.measured_from).toContain('python3 on root@127.0.0.1');
      expect(it.requests).toBeGreaterThan(20);
      expect(it.failed).toBeLessThan(it.requests);
    }
    const [stop, cut] = found;
    expect(stop?.takeover_ms).toBeGreaterThan(0);
    expect(stop?.detected_by).toMatch(/^lb[12]$/);
    // Three adverts go missing first: less would mean that the cut was none.
    expect(cut?.takeover_ms).toBeGreaterThan(1500);
    expect(cut?.failed).toBeGreaterThan(20);
    expect(cut?.detected_by).toBe('lb2');
    // The connection to a host that is cut off survives where the host has nft.
    expect([stop?.method, cut?.method]).toEqual([null, 'nft']);
    await healthy(path);
    expect(await leftOn(['el1', 'el2'])).toEqual(['', '']);
    expect(readJunit(await readFile(xml, 'utf8')).map(({ failure }) => failure)).toEqual([null, null]);
    await looksRight(page);
  });

  it('measures from here where the inventory names no host', async () => {
    const here = await inventory('from-here.yaml');
    const run = await lbctl('drill', here, '--json', '--yes', '--fault', 'haproxy-restart');
    expect(run.exit, run.said).toBe(0);
    const [restart] = faultsOf(run);
    expect(restart).toMatchObject({ fault: 'haproxy-restart', restored: true });
    expect(restart?.measured_from).toContain('lbctl itself');
    expect(restart?.requests).toBeGreaterThan(100);
    expect(restart?.failed).toBeLessThan(20);
  });

  it('breaks nothing where nothing can be measured from', async () => {
    const { vips } = await labInfo();
    const closed = await inventory('from-closed.yaml', (file) => {
      Object.assign(file.clusters.web, { drill: { from: 'root@127.0.0.1:1' } });
    });
    const refused = await lbctl('drill', closed, '--yes', '--fault', 'keepalived-stop');
    expect(refused.exit, refused.said).toBe(4);
    expect(refused.stderr).toContain('the host to measure from cannot be used');
    await on('client', `ip route add blackhole ${vips[0]}`);
    try {
      const blind = await lbctl('drill', path, '--yes', '--fault', 'keepalived-stop');
      expect(blind.exit, blind.said).toBe(1);
      expect(blind.stderr).toContain('does not answer python3 on root@127.0.0.1');
      expect(blind.said).toContain('nothing was broken');
      expect(blind.said).not.toContain('armed');
    } finally {
      await on('client', `ip route del blackhole ${vips[0]}`);
    }
    expect(await leftOn(['el1', 'el2', 'client'])).toEqual(['', '', '']);
  });

  it('a client that is lost in the middle is not taken for a pair that does not serve', async () => {
    const faults = 'haproxy-stop,keepalived-stop';
    const running = start('drill', path, '--yes', '--json', '--fault', faults);
    await running.saw(/"fault":"haproxy-stop".*"state":"made"/);
    await on('client', "pkill -KILL -f '[l]bctl-drill'");
    const run = await running.ended;
    expect(run.exit, run.said).toBe(4);
    const words = /the client loop on root@127\.0\.0\.1:\d+ (ended|is lost)/;
    expect(run.stdout).toMatch(words);
    const found = faultsOf(run);
    expect(found.map(({ fault, restored }) => [fault, restored])).toEqual([['haproxy-stop', true]]);
    expect(found[0]?.error).toMatch(words);
    await healthy(path);
    expect(await leftOn(['el1', 'el2', 'client'])).toEqual(['', '', '']);
  });

  it('a lbctl that is killed leaves a host that mends itself', async () => {
    const run = start('drill', path, '--yes', '--fault', 'haproxy-stop');
    await run.saw(/haproxy-stop: taken over/);
    run.child.kill('SIGKILL');
    await run.ended;
    const active = () => onBoth('systemctl is-active haproxy || true');
    await until(
      'HAProxy is down',
      async () => ((await active()).includes('inactive') ? true : undefined),
      10,
    );
    await until(
      'HAProxy runs again',
      async () => ((await active()).join() === 'active,active' ? true : undefined),
      90,
    );
    await until(
      'nothing is left',
      async () => ((await leftByKilled(['el1', 'el2'])).join('') === '' ? true : undefined),
      20,
    );
    // Nobody released its lock. Once that has expired it neither counts against the pair nor keeps anybody out.
    await healthy(path);
    await onBoth(agingLock(61));
    const { exit, problems, notices } = await status(path);
    expect([exit, problems], JSON.stringify(problems)).toEqual([0, []]);
    expect(notices.map(({ code, host }) => `${host} ${code}`)).toEqual(
      expect.arrayContaining(['lb1 drill_interrupted', 'lb2 drill_interrupted']),
    );
    const next = await lbctl('drill', path, '--yes', '--fault', 'haproxy-kill');
    expect(next.exit, next.said).toBe(0);
    expect(await leftOn(['el1', 'el2'])).toEqual(['', '']);
  }, 200_000);

  it.each([
    ['a service that is down', 'systemctl stop haproxy', 'systemctl start haproxy', 'haproxy is inactive'],
    // Every service runs and answers: but one that the drill stopped would not start again.
    [
      'a file on disk that HAProxy would refuse',
      'cp -p /etc/haproxy/haproxy.cfg /run/kept.cfg && echo nonsense >>/etc/haproxy/haproxy.cfg',
      'cp -p /run/kept.cfg /etc/haproxy/haproxy.cfg && rm /run/kept.cfg',
      'differs from the inventory',
    ],
  ])('refuses a pair that is not healthy, and breaks nothing: %s', async (_, spoil, mend, why) => {
    await on('lb2', spoil);
    try {
      const xml = join(folder, 'refused.xml');
      const run = await lbctl('drill', path, '--yes', '--json', '--junit', xml);
      expect(run.exit, run.said).toBe(5);
      expect(readJunit(await readFile(xml, 'utf8'))).toEqual([
        { name: 'drill', failure: expect.stringContaining(why) },
      ]);
      expect(run.stdout).toContain('nothing was broken');
      expect(run.stdout).not.toContain('"event":"fault"');
    } finally {
      await on('lb2', mend);
    }
    await healthy(path);
  });
});

/** In a real browser: nothing sticks out of a phone's screen, in neither colour scheme. */
async function looksRight(page: string): Promise<void> {
  const html = await readFile(page, 'utf8');
  expect(html).toContain('network-cut on lb1');
  expect(html).toMatch(/<dt>Configuration<\/dt><dd><code>[0-9a-f]{16}<\/code>/);
  for (const figure of ['noticed', 'taken over', 'longest gap', 'slowest', 'failed'])
    expect(html).toContain(`<th scope="col">${figure}</th>`);
  expect(html).toMatch(/Longest gap [\d,]+ ms; slowest answer [\d,]+ ms/);
  for (const width of [375, 1280]) {
    for (const scheme of ['0', '1']) {
      const found = await measured(page, width, scheme);
      expect(found.scroll, `${width} px`).toBeLessThanOrEqual(found.width);
      expect(found.width).toBe(width);
      expect(found.pictures).toBe(6);
      expect(found.console).toEqual([]);
      expect(found.fetched).toBe(0);
      expect(found.ground).toBe(scheme === '0' ? 'rgb(15, 19, 24)' : 'rgb(255, 255, 255)');
      expect(found.ink).toBe(scheme === '0' ? 'rgb(230, 237, 243)' : 'rgb(28, 33, 40)');
      expect(found.smallest, `${width} px`).toBeGreaterThanOrEqual(12);
    }
  }
}

interface Measured {
  width: number;
  scroll: number;
  pictures: number;
  ground: string;
  ink: string;
  /** Of everything that has a text of its own, in pixels. */
  smallest: number;
  /** What the page loaded besides itself. */
  fetched: number;
  /** What the browser complained of; what the page's own policy forbids as well. */
  console: readonly string[];
}

/** The page in a frame of that width, as Debian's chromium lays it out. `scheme`: 0 dark, 1 light. */
async function measured(page: string, width: number, scheme: string): Promise<Measured> {
  const frame = (await readFile(page, 'utf8')).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const outer = `${page}.${width}.html`;
  await writeFile(
    outer,
    `<!doctype html><meta charset="utf-8"><iframe id="page" style="border:0;width:${width}px;height:900px" srcdoc="${frame}"></iframe>
<pre id="found"></pre><script>onload = () => {
  const { documentElement: root, body } = page.contentDocument;
  const styleOf = (it) => page.contentWindow.getComputedStyle(it);
  const texts = [...body.querySelectorAll('*')].filter((it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''));
  found.textContent = JSON.stringify({ width: root.clientWidth, scroll: root.scrollWidth,
    pictures: root.querySelectorAll('svg').length, fetched: page.contentWindow.performance.getEntriesByType('resource').length, ground: styleOf(body).backgroundColor, ink: styleOf(body).color,
    smallest: Math.min(...texts.map((it) => parseFloat(styleOf(it).fontSize))) });
};</script>`,
  );
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    '--enable-logging=stderr',
    '--window-size=1400,1000',
  ];
  const child = spawn('chromium', [
    ...flags,
    `--user-data-dir=${page}.profile`,
    `--blink-settings=preferredColorScheme=${scheme}`,
    '--dump-dom',
    `file://${outer}`,
  ]);
  let dom = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    dom += text;
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(timer);
  const json = /<pre id="found">(\{.*?\})<\/pre>/.exec(dom)?.[1];
  if (json === undefined) throw new Error(`chromium measured nothing: ${dom.slice(0, 500)}`);
  return {
    ...JSON.parse(json),
    console: log.split('\n').filter((it) => it.includes(':CONSOLE')),
  } as Measured;
}
