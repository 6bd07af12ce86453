import { describe, expect, it } from 'vitest';
import type { ClusterStatus } from '../../../src/engine/documents.js';
import { formatPrometheus } from '../../../src/report/prometheus.js';
import { readPrometheus } from '../support/prometheus.js';

const cluster: ClusterStatus = {
  name: 'web',
  state: 'degraded',
  virtual_ips: [{ address: '10.0.0.100', instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
  hosts: [
    {
      name: 'lb1',
      address: '10.0.0.1',
      reachable: true,
      haproxy: 'active',
      keepalived: 'active',
      instances: { VI_1: { state: 'MASTER', priority: 250, effective_priority: 250 } },
    },
    {
      name: 'lb2',
      address: '10.0.0.2',
      reachable: false,
      haproxy: null,
      keepalived: null,
      instances: { VI_1: { state: null, priority: 240, effective_priority: null } },
    },
  ],
  servers: [{ backend: 'app', server: 'web"1', address: '10.0.0.3:80', status: { lb1: 'UP' } }],
  problems: [
    { code: 'host_unreachable', message: 'gone', host: 'lb2' },
    { code: 'not_verified', message: 'a', host: null },
    { code: 'not_verified', message: 'b', host: null },
  ],
  notices: [{ code: 'switchover', message: 'moved', host: 'lb1' }],
};

describe("a status in Prometheus's text format", () => {
  const text = formatPrometheus({ clusters: [cluster] });
  const lines = text.trimEnd().split('\n');

  it('is valid, and has the same metrics for several clusters', () => {
    const two = formatPrometheus({ clusters: [cluster, { ...cluster, name: 'mail' }] });
    expect(readPrometheus(two).size).toBe(2 * readPrometheus(text).size);
    expect(readPrometheus(formatPrometheus({ clusters: [] })).size).toBe(0);
  });

  it('keeps labels whole, whatever is in them', () => {
    const odd = `a\\n"b"\n{c="d"} 7\\`;
    const [server] = cluster.servers;
    if (server === undefined) throw new Error('no server');
    const series = readPrometheus(
      formatPrometheus({ clusters: [{ ...cluster, servers: [{ ...server, server: odd }] }] }),
    );
    const labels = { cluster: 'web', host: 'lb1', backend: 'app', server: odd };
    expect(series.get(`lbctl_server_up ${JSON.stringify(labels)}`)).toBe(1);
  });

  it.each([
    'lbctl_cluster_state{cluster="web",state="degraded"} 1',
    'lbctl_cluster_state{cluster="web",state="healthy"} 0',
    'lbctl_virtual_ip_holders{cluster="web",address="10.0.0.100",instance="VI_1"} 1',
    'lbctl_virtual_ip_held{cluster="web",address="10.0.0.100",instance="VI_1",host="lb1"} 1',
    'lbctl_host_reachable{cluster="web",host="lb2"} 0',
    'lbctl_service_active{cluster="web",host="lb1",service="haproxy"} 1',
    'lbctl_vrrp_effective_priority{cluster="web",host="lb1",instance="VI_1"} 250',
    'lbctl_server_up{cluster="web",host="lb1",backend="app",server="web\\"1"} 1',
    'lbctl_problems{cluster="web",code="host_unreachable",host="lb2"} 1',
    'lbctl_problems{cluster="web",code="not_verified",host=""} 2',
    'lbctl_notices{cluster="web",code="switchover",host="lb1"} 1',
  ])('has %s', (sample) => expect(lines).toContain(sample));

  it('has no sample of what could not be learnt', () => {
    expect(lines.filter((it) => /host="lb2"/.test(it))).toEqual([
      'lbctl_host_reachable{cluster="web",host="lb2"} 0',
      'lbctl_problems{cluster="web",code="host_unreachable",host="lb2"} 1',
    ]);
  });
});
