import { beforeAll, describe, expect, it } from 'vitest';
import { readPrometheus } from '../unit/support/prometheus.js';
import { holders, on, vip } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';
import {
  AUTH_PASS,
  codes,
  healthy,
  heldBy,
  type InventoryFile,
  inventory,
  startReady,
  status,
} from './support/pair.js';
import { until } from './support/until.js';

const CONF = '/etc/keepalived/keepalived.conf';
const CFG = '/etc/haproxy/haproxy.cfg';

/** One pair, one fault after the other, each mended before the next. */
describe('status knows', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    path = await startReady();
    address = await vip();
    await heldBy('lb1');
  });

  it('that another machine answers for the VIP', async () => {
    await on('client', `ip addr add ${address}/24 dev eth0`);
    try {
      const found = await status(path);
      expect(found).toMatchObject({ exit: 5, state: 'split_brain' });
      expect(codes(found)).toContain('foreign_holder');
      expect(found.problems[0]?.message).toMatch(
        /a machine outside the cluster \(MAC address [0-9a-f:]{17}\)/,
      );
      const metrics = await lbctl('status', path, '--prometheus');
      expect(metrics.exit).toBe(5);
      const series = readPrometheus(metrics.stdout);
      expect(series.get('lbctl_cluster_state {"cluster":"web","state":"split_brain"}')).toBe(1);
      expect([...series.keys()].join()).toContain(
        'lbctl_problems {"cluster":"web","code":"foreign_holder","host":',
      );
    } finally {
      await on('client', `ip addr del ${address}/24 dev eth0`);
    }
    expect((await healthy(path)).problems).toEqual([]);
    const well = await lbctl('status', path, '--prometheus');
    expect(well.exit, well.said).toBe(0);
    const series = readPrometheus(well.stdout);
    expect(series.get('lbctl_cluster_state {"cluster":"web","state":"healthy"}')).toBe(1);
    expect([...series.keys()].join()).not.toContain('lbctl_problems');
    expect(series.get('lbctl_vrrp_effective_priority {"cluster":"web","host":"lb2","instance":"VI_1"}')).toBe(
      240,
    );
  });

  it('that an address was left behind', async () => {
    await on('lb2', `ip addr add ${address}/24 dev eth0`);
    try {
      expect(codes(await status(path))).toEqual(['lb2 stale_holder', 'split_brain']);
    } finally {
      await on('lb2', `ip addr del ${address}/24 dev eth0`);
    }
  });

  it('that a configuration was edited, without needing or showing the password', async () => {
    await on(
      'lb2',
      `cp -p ${CONF} /root/kept; sed -i 's/auth_pass .*/auth_pass wrong-one/; s/fall 2/fall 3/' ${CONF}`,
    );
    const found = await status(path);
    expect(codes(found)).toEqual(['auth_pass_differs', 'lb2 config_differs', 'lb2 runs_older_config'].sort());
    expect(JSON.stringify(found)).not.toMatch(/wrong-one/);
    expect(JSON.stringify(found)).not.toContain(AUTH_PASS);
    await on('lb2', `cp -p /root/kept ${CONF}; rm /root/kept`);
    expect((await healthy(path)).problems).toEqual([]);
  });

  it('that a reload was refused', async () => {
    await on(
      'lb2',
      `cp -p ${CFG} /root/kept; echo 'no such keyword' >>${CFG}; systemctl reload haproxy; true`,
    );
    const found = await status(path);
    expect(codes(found)).toEqual(['lb2 config_differs', 'lb2 runs_older_config']);
    await on('lb2', `cp -p /root/kept ${CFG}; rm /root/kept`);
    await until('mended', async () => ((await lbctl('up', path)).exit === 0 ? true : undefined), 60);
  });

  it('that a reload by hand found a port taken, though the file is valid and systemctl calls it done', async () => {
    await on(
      'lb2',
      `cp -p ${CFG} /root/kept; printf 'frontend extra\\n  bind 127.0.0.1:8099\\n  default_backend app\\n' >>${CFG}
       setsid python3 -m http.server -b 127.0.0.1 8099 >/dev/null 2>&1 & echo $! >/run/squatter.pid
       until ss -Hltn | grep -q 127.0.0.1:8099; do sleep 0.05; done
       haproxy -c -q -f ${CFG} && systemctl reload haproxy; sleep 2`,
    );
    try {
      const found = codes(await status(path));
      // Whether HAProxy serves by then or is still on its way back is another matter.
      expect(found).toEqual(expect.arrayContaining(['lb2 config_differs', 'lb2 runs_older_config']));
    } finally {
      await on(
        'lb2',
        `kill "$(cat /run/squatter.pid)"; cp -p /root/kept ${CFG}; rm /root/kept /run/squatter.pid`,
      );
    }
    await until('mended', async () => ((await lbctl('up', path)).exit === 0 ? true : undefined), 60);
  });

  it('that keepalived ended, over a file with which it was reloaded by hand', async () => {
    await on(
      'lb2',
      `cp -p ${CONF} /root/kept; sed -i 's/^vrrp_instance VI_1/vrrp_instanc VI_1/' ${CONF}; systemctl reload keepalived; sleep 1`,
    );
    try {
      const found = codes(await status(path));
      expect(found).toEqual(expect.arrayContaining(['lb2 config_differs', 'lb2 keepalived_not_running']));
    } finally {
      await on('lb2', `cp -p /root/kept ${CONF}; rm /root/kept; systemctl restart keepalived`);
    }
    await healthy(path);
    await heldBy('lb1');
  });

  it('that a service would not come back, and what keepalived complains of', async () => {
    await on('lb2', 'systemctl disable haproxy');
    // Another password: each refuses the other's adverts, and says so.
    await on('lb2', `sed -i 's/auth_pass .*/auth_pass wrongone/' ${CONF}; systemctl reload keepalived`);
    try {
      const found = await until('the complaint', async () => {
        const seen = await status(path);
        const both = codes(seen).includes('lb2 log_packet') && codes(seen).includes('adverts_not_heard');
        return both ? seen : undefined;
      });
      expect(codes(found)).toContain('lb2 service_not_enabled');
      expect(codes(found)).toContain('auth_pass_differs');
      expect(found.problems.find((it) => it.code === 'log_packet')?.message).toMatch(
        /received an invalid passwd/,
      );
      expect(await holders(address)).toHaveLength(2);
    } finally {
      await lbctl('up', path);
    }
    await heldBy('lb1');
    // It ends with its cause, and stays a note.
    const after = await healthy(path);
    expect(after.problems).toEqual([]);
    expect(after.notices.map((it) => it.code)).toContain('log_packet');
  });

  it('what keepalived thinks of its configuration, until it reads another', async () => {
    await on(
      'lb2',
      `cp -p ${CONF} /root/kept; echo 'no_such_keyword yes' >>${CONF}; systemctl restart keepalived`,
    );
    const found = await until('the complaint', async () => {
      const seen = await status(path);
      return codes(seen).includes('lb2 log_configuration') ? seen : undefined;
    });
    expect([...new Set(codes(found))]).toEqual(['lb2 config_differs', 'lb2 log_configuration']);
    expect(found.problems.map((it) => it.message).join()).toMatch(/Unknown keyword 'no_such_keyword'/);
    // Another one that a reload by hand gives it, with which it goes on.
    await on(
      'lb2',
      `sed -i 's/no_such_keyword/nor_such_a_one/' ${CONF}; sleep 1.5; systemctl reload keepalived`,
    );
    const again = (await status(path)).problems.filter((it) => it.code === 'log_configuration');
    expect(again.map((it) => it.message).join()).toMatch(/^(?!.*no_such_keyword).*nor_such_a_one/);
    await on('lb2', `cp -p /root/kept ${CONF}; rm /root/kept; sleep 1.5; systemctl reload keepalived`);
    const after = await healthy(path);
    expect(after.notices.map((it) => it.code)).toContain('log_configuration');
    await heldBy('lb1');
  });

  it('that a certificate is about to expire, and never takes the key off the host', async () => {
    await on(
      'lb1',
      `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=site -days 5 -keyout /root/k -out /root/c 2>/dev/null
       cat /root/c /root/k >/etc/haproxy/site.pem; rm /root/c /root/k`,
    );
    const pem = await on('lb1', 'base64 -w0 /etc/haproxy/site.pem');
    await on('lb2', `echo ${pem} | base64 -d >/etc/haproxy/site.pem`);
    const withTls = (file: InventoryFile) => {
      file.clusters.web.haproxy.frontends.main.bind = [80, '443 ssl crt /etc/haproxy/site.pem'];
    };
    const tls = await inventory('tls.yaml', withTls);
    const found = await status(tls);
    expect(codes(found)).toEqual([
      'lb1 certificate_expires',
      'lb1 config_differs',
      'lb2 certificate_expires',
      'lb2 config_differs',
    ]);
    expect(found.problems.map((it) => it.message).join()).toMatch(/site\.pem expires in [45] days/);
    await on('lb1', 'rm /etc/haproxy/site.pem');
    await on('lb2', 'rm /etc/haproxy/site.pem');
    expect(codes(await status(tls))).toContain('lb1 certificate_missing');
  });
});
