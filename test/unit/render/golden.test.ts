import { describe, expect, it } from 'vitest';
import { renderCheckScript } from '../../../src/render/check-script.js';
import { renderHaproxy } from '../../../src/render/haproxy.js';
import { checkScriptPath } from '../../../src/render/platform.js';
import { renderDropIn, renderSysctl, sysctlSettings } from '../../../src/render/system.js';
import { renderTakeoverScript } from '../../../src/render/takeover-script.js';
import { expectGolden } from '../support/golden.js';
import { keepalivedOf } from '../support/keepalived.js';
import { clusterOf, examples, first } from '../support/model.js';

const golden = (name: string) => new URL(`golden/${name}`, import.meta.url);

const shipped = [...(await examples())].map(([name, inventory]) => ({
  name,
  cluster: first(inventory.clusters),
}));

describe.each(shipped)('the files of $name', ({ name, cluster }) => {
  it('haproxy.cfg', () => {
    expectGolden(renderHaproxy(cluster, 'el'), golden(`${name}/haproxy.cfg`));
  });

  it.each(cluster.hosts.map((host) => host.name))('keepalived.conf of %s', (host) => {
    expectGolden(keepalivedOf(cluster, host, 'el').reveal(), golden(`${name}/keepalived.${host}.conf`));
  });

  it('on Debian only the log and the path of the check differ', () => {
    expect(renderHaproxy(cluster, 'debian')).toBe(
      renderHaproxy(cluster, 'el').replace('log 127.0.0.1 local2', 'log /dev/log local0'),
    );
    const [host] = cluster.hosts;
    expect(keepalivedOf(cluster, host?.name ?? '', 'debian').reveal()).toBe(
      keepalivedOf(cluster, host?.name ?? '', 'el')
        .reveal()
        .replace(checkScriptPath('el'), checkScriptPath('debian')),
    );
  });

  it('the same again from the same model', () => {
    expect(renderHaproxy(cluster, 'el')).toBe(renderHaproxy(structuredClone(cluster), 'el'));
  });
});

describe('the files that every pair gets', () => {
  it.each([
    ['check-script', renderCheckScript(clusterOf().check)],
    ['takeover-script', renderTakeoverScript(clusterOf())],
    ['haproxy.service.d', renderDropIn('haproxy', 'el', { skipsCheck: true })],
    ['keepalived.service.d', renderDropIn('keepalived', 'el')],
    ['sysctl', renderSysctl(sysctlSettings({ ipv6: false }))],
    ['sysctl-ipv6', renderSysctl(sysctlSettings({ ipv6: true }))],
  ])('%s', (name, text) => {
    expectGolden(text, golden(`host/${name}`));
  });
});
