import { describe, expect, it } from 'vitest';
import { planCluster } from '../../../src/planning/plan.js';
import { up, upPlaybook } from '../support/converge.js';
import { clusterOf, examples, first } from '../support/model.js';
import { builtPair } from '../support/observed.js';
import { outline, planInput, planOf } from '../support/planned.js';
import { SimulatedPair } from '../support/simulated-pair.js';

const FILES: Readonly<Record<string, string>> = {
  members: '/var/lib/lbctl/members.json',
  sysctl: '/etc/sysctl.d/90-lbctl.conf',
  'systemd_dropin:haproxy': '/etc/systemd/system/haproxy.service.d/lbctl.conf',
  takeover_script: '/etc/keepalived/lbctl-takeover',
  haproxy_config: '/etc/haproxy/haproxy.cfg',
  check_script: '/etc/keepalived/lbctl-check-haproxy',
  'systemd_dropin:keepalived': '/etc/systemd/system/keepalived.service.d/lbctl.conf',
  keepalived_config: '/etc/keepalived/keepalived.conf',
};
const edit = (pair: SimulatedPair, host: string, path: string, change: (text: string) => string) => {
  const file = pair.host(host).files.get(path);
  if (file === undefined) throw new Error(`${path} is not there`);
  file.content = change(file.content);
};

describe('what has to change', () => {
  it('on bare hosts: everything, in the order of the playbook', () => {
    const plan = planOf(new SimulatedPair(clusterOf()));
    expect(plan.status).toBe('changes');
    const order = [
      'members',
      'packages',
      ...Object.keys(FILES).slice(1),
      'service:haproxy',
      'service:keepalived',
    ];
    for (const host of ['lb1', 'lb2']) {
      const resources = plan.changes.filter((it) => it.host === host).map((it) => it.change.resource);
      expect([...resources].sort()).toEqual([...order].sort());
      expect(resources.indexOf('haproxy_config')).toBeLessThan(resources.indexOf('keepalived_config'));
    }
    // HAProxy serves on both before keepalived starts on either, and nobody is served yet.
    const last = outline(plan).slice(-2);
    for (const batch of last) expect(batch).toMatch(/^lb1: [^|]* \| lb2: /);
    expect(outline(plan).slice(0, -2).join()).not.toMatch(/keepalived_config|check_script/);
  });

  it('systemd reads its units once where enabling a service makes it, else for the drop-in', async () => {
    const reloads = (plan: ReturnType<typeof planOf>) =>
      plan.batches.flatMap(({ work }) =>
        work
          .filter(({ host }) => host === 'lb2')
          .flatMap(({ items }) => items)
          .flatMap(({ resource, steps }) =>
            steps.flatMap((it) => (it.rereadsUnits === true ? [`${resource}: ${it.title}`] : [])),
          ),
      );
    expect(reloads(planOf(new SimulatedPair(clusterOf())))).toEqual([
      'service:haproxy: systemctl enable haproxy',
      'service:keepalived: systemctl enable keepalived',
    ]);
    const pair = await builtPair();
    const service = pair.host('lb2').services.get('haproxy');
    if (service !== undefined) service.active = 'failed';
    edit(pair, 'lb2', FILES['systemd_dropin:haproxy'] ?? '', (text) => `${text}# by hand\n`);
    expect(reloads(planOf(pair))).toEqual(['systemd_dropin:haproxy: systemctl daemon-reload']);
  });

  it('after keepalived has started somewhere, one host at a time again, the preferred one last', () => {
    const members = '    - name: Members of the cluster\n      members: {}\n';
    const later = upPlaybook(
      (text) => `${text.replace(members, '')}\n- play: later\n  order: standby-first\n  tasks:\n${members}`,
    );
    const plan = planCluster(planInput(new SimulatedPair(clusterOf()), undefined, later));
    expect(outline(plan).slice(-2)).toEqual(['lb2: members', 'lb1: members']);
  });

  it('nothing, once it was done: for every example that ships', async () => {
    for (const [name, inventory] of await examples()) {
      const cluster = first(inventory.clusters);
      // The simulated hosts have no password and one interface, eth0.
      const vrrpInstances = cluster.vrrpInstances.map((it) => ({ ...it, authPass: null, interface: 'eth0' }));
      const pair = new SimulatedPair({ ...cluster, vrrpInstances, verify: { url: null, status: null } });
      await up(pair);
      expect({ name, ...planOf(pair) }).toMatchObject({
        name,
        status: 'noop',
        changes: [],
        batches: [],
        problems: [],
      });
    }
  });

  it.each(Object.entries(FILES))('%s alone, where its file differs', async (resource, path) => {
    const pair = await builtPair();
    // The list of members is compared by its hosts, the others to the last character.
    edit(pair, 'lb2', path, (text) => `${text.replace('"lb1"', '"old"')}\n`);
    const plan = planOf(pair);
    expect(plan.changes.map((it) => [it.host, it.change.resource])).toEqual([['lb2', resource]]);
  });

  it.each(Object.entries(FILES))('%s alone, where its mode differs: silently', async (resource, path) => {
    const pair = await builtPair();
    const file = pair.host('lb1').files.get(path);
    if (file !== undefined) file.mode = '666';
    expect(outline(planOf(pair))).toEqual([`lb1: ${resource}`]);
  });
});

describe('handlers', () => {
  it('run once, after all changes of the host', async () => {
    const pair = await builtPair();
    edit(pair, 'lb2', FILES.haproxy_config ?? '', (text) => text.replace('retries 3', 'retries 5'));
    // The running process is older than the file as well: both ask for a reload.
    const service = pair.host('lb2').services.get('haproxy');
    if (service !== undefined) service.loaded = 1;
    expect(outline(planOf(pair))).toEqual(['lb2: haproxy_config, reload haproxy']);
  });

  it('without a second check where all that is read anew was checked, else with it', async () => {
    const also = upPlaybook((text) =>
      text.replace(/( +)sysctl: .*\n/, (line, indent) => `${line}${indent}notify: [reload haproxy]\n`),
    );
    for (const [playbook, changes, checked] of [
      [upPlaybook(), ['haproxy_config'], true],
      [also, ['haproxy_config'], true],
      [also, ['sysctl', 'haproxy_config'], false],
    ] as const) {
      const pair = await builtPair();
      for (const it of changes) edit(pair, 'lb2', FILES[it] ?? '', (text) => text.replace(/ (=|5s)/, ' $1 '));
      const plan = planCluster(planInput(pair, ['lb2'], playbook));
      expect(plan.problems).toEqual([]);
      const items = plan.batches.flatMap(({ work }) => work.flatMap((it) => it.items));
      const reload = items.find(({ resource }) => resource === 'reload haproxy');
      expect(`${reload?.steps[0]?.script}`.includes('kill -USR2')).toBe(checked);
    }
  });

  it('not where the service starts anyway', async () => {
    const pair = await builtPair();
    edit(pair, 'lb2', FILES.haproxy_config ?? '', () => '');
    const service = pair.host('lb2').services.get('haproxy');
    if (service !== undefined) service.active = 'failed';
    expect(outline(planOf(pair))).toEqual(['lb2: haproxy_config, service:haproxy']);
  });

  it('of a lost reload alone', async () => {
    const pair = await builtPair();
    const service = pair.host('lb1').services.get('keepalived');
    if (service !== undefined) service.loaded = 1;
    expect(outline(planOf(pair))).toEqual(['lb1: reload keepalived']);
  });
});

describe('a change that hosts must agree on', () => {
  const other = (pair: SimulatedPair) =>
    ['lb1', 'lb2'].map((host) =>
      edit(pair, host, FILES.keepalived_config ?? '', (text) =>
        text.replace('virtual_router_id 51', 'virtual_router_id 7'),
      ),
    );

  it('is made while the active host serves alone', async () => {
    const pair = await builtPair();
    other(pair);
    const lines = outline(planOf(pair));
    expect(lines.map((it) => it.slice(0, 3))).toEqual(['lb2', 'lb1', 'lb2']);
    expect(lines[0]).toMatch(/stop keepalived/);
    expect(lines[0]).not.toMatch(/reload|start keepalived/);
    expect(lines[1]).toMatch(/keepalived_config.*reload keepalived/);
    expect(lines[2]).toBe('lb2: start keepalived');
  });

  it('asks less of the standby for itself alone: what comes before it has a peer that could take over', async () => {
    const pair = await builtPair();
    other(pair);
    for (const host of ['lb1', 'lb2'])
      edit(pair, host, FILES.haproxy_config ?? '', (text) => `${text}# by hand\n`);
    const peers = planOf(pair).batches.map((it) => `${it.play} ${it.work[0]?.host} ${it.peers ?? 'fit'}`);
    expect(peers.filter((it) => it.startsWith('haproxy'))).toEqual([
      'haproxy lb2 startable',
      'haproxy lb1 startable',
    ]);
    expect(peers.filter((it) => it.startsWith('keepalived'))).toEqual([
      'keepalived lb2 serving',
      'keepalived lb1 serving',
      'keepalived lb2 serving',
    ]);
  });

  it('is refused by halves', async () => {
    const pair = await builtPair();
    other(pair);
    const plan = planOf(pair, ['lb1']);
    expect(plan).toMatchObject({
      status: 'error',
      batches: [],
      problems: [{ code: 'not-by-halves', host: 'lb2' }],
    });
  });

  it('one that they need not agree on is not', async () => {
    const pair = await builtPair();
    for (const host of ['lb1', 'lb2']) {
      edit(pair, host, FILES.keepalived_config ?? '', (text) => text.replace('fall 2', 'fall 9'));
    }
    expect(outline(planOf(pair))).toEqual([
      'lb2: keepalived_config, reload keepalived',
      'lb1: keepalived_config, reload keepalived',
    ]);
  });
});

describe('a limit', () => {
  it('changes the hosts in it alone', () => {
    const plan = planOf(new SimulatedPair(clusterOf()), ['lb2']);
    expect(new Set(plan.changes.map((it) => it.host))).toEqual(new Set(['lb2']));
    expect(outline(plan).join()).not.toContain('lb1');
  });

  it('to a host that is as it should be: nothing to do', async () => {
    const pair = await builtPair();
    pair.host('lb1').files.clear();
    expect(planOf(pair, ['lb2']).status).toBe('noop');
  });
});

describe('what is not known', () => {
  it('makes the plan an error that cannot be executed, with the reason', async () => {
    const pair = await builtPair();
    pair.host('lb1').files.delete(FILES.sysctl ?? '');
    pair.host('lb2').odd.set('service:haproxy', { exitCode: 1, stderr: 'Failed to connect to bus' });
    const plan = planOf(pair);
    expect(plan).toMatchObject({ status: 'error', batches: [] });
    expect(plan.problems).toEqual([
      expect.objectContaining({
        code: 'unknown-fact',
        cluster: 'web',
        host: 'lb2',
        detail: expect.stringContaining('Failed to connect to bus'),
      }),
    ]);
    // What is known is still said.
    expect(plan.changes.map((it) => [it.host, it.change.resource])).toContainEqual(['lb1', 'sysctl']);
  });

  it('is said once, however many resources need it', async () => {
    const pair = await builtPair();
    pair.host('lb1').odd.set('os', '');
    expect(planOf(pair).problems.map((it) => it.code)).toEqual(['unknown-fact']);
  });
});

describe('a plan', () => {
  it('is the same for the same facts, and leaves them as they are', () => {
    const input = planInput(new SimulatedPair(clusterOf()));
    const before = JSON.stringify([input.cluster, input.playbook, [...input.limit], [...input.holders]]);
    const plans = [planCluster(input), planCluster(input)].map((it) => JSON.stringify(it));
    expect(plans[0]).toBe(plans[1]);
    expect(JSON.stringify([input.cluster, input.playbook, [...input.limit], [...input.holders]])).toBe(
      before,
    );
  });

  it('survives being written down', () => {
    const plan = planOf(new SimulatedPair(clusterOf()));
    const again = JSON.parse(JSON.stringify(plan));
    expect(again.changes.map((it: { change: { resource: string } }) => it.change.resource)).toEqual(
      plan.changes.map((it) => it.change.resource),
    );
    expect(again.batches).toHaveLength(plan.batches.length);
  });
});
