import type { Cluster, Host, VrrpInstance } from '../../../src/inventory/model.js';
import { priorityOf } from '../../../src/render/keepalived.js';
import { checkScriptPath, HAPROXY_CFG, KEEPALIVED_CONF } from '../../../src/render/platform.js';
import type { ProbeOutput } from '../../../src/resources/types.js';
import { first } from './model.js';
import { SimulatedGenerations } from './simulated-generations.js';

export type Service = 'haproxy' | 'keepalived';

interface SimulatedFile {
  content: string;
  /** As stat(1) prints it. */
  mode: string;
  owner: string;
  group: string;
  written: number;
}

interface SimulatedService {
  active: string;
  enabled: string;
  loaded: number;
}

/** One host of a pair that exists in memory only: it answers lbctl's questions and takes its steps. */
export class SimulatedHost {
  readonly files = new Map<string, SimulatedFile>();
  readonly services = new Map<Service, SimulatedService>();
  readonly sysctls = new Map<string, string>([['net.ipv4.ip_nonlocal_bind', '0']]);
  /** What differs from the usual answer, by section: a whole output, or a text for stdout. */
  readonly odd = new Map<string, string | Partial<ProbeOutput>>();
  /** HAProxy answers on loopback, where it runs. */
  serves = true;
  /** Addresses besides those that VRRP gives it. */
  readonly extra: string[] = [];
  firewall = 'inactive';
  readonly generations = new SimulatedGenerations(this);
  now = 1000;

  constructor(
    readonly host: Host,
    readonly cluster: Cluster,
    /** Whether this host holds an instance's addresses. */
    readonly holds: (instance: VrrpInstance, host: SimulatedHost) => boolean,
  ) {}

  runs(service: Service): boolean {
    return this.services.get(service)?.active === 'active';
  }

  /** Could hold addresses: keepalived runs and its check of HAProxy passes. */
  get fit(): boolean {
    return this.runs('keepalived') && this.files.has(KEEPALIVED_CONF) && this.runs('haproxy') && this.serves;
  }

  get held(): string[] {
    const own = this.cluster.vrrpInstances.filter((it) => this.holds(it, this));
    return [...own.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address)), ...this.extra];
  }

  /** The token of whoever had its lock last. */
  lastOwner = '';

  /** What a section of a script prints here, and how it ends. */
  answer(id: string, script: string): ProbeOutput {
    const odd = this.odd.get(id);
    const usual = { stdout: '', stderr: '', exitCode: 0 };
    if (typeof odd === 'string') return { ...usual, stdout: odd };
    if (odd !== undefined) return { ...usual, ...odd };
    if (id.startsWith('step ')) this.take(script);
    if (id === 'keep') this.generations.keep(script);
    if (id === 'files') return { ...usual, stdout: this.allFiles(script) };
    return { ...usual, stdout: this.say(id, script) };
  }

  /** Whoever takes the lock is told who had it before. */
  private lock(script: string): string {
    const last = this.lastOwner;
    this.lastOwner = /^write (\S+) /m.exec(script)?.[1] ?? '';
    return `last=${last}\n`;
  }

  /** What the cluster is, as a run that ended well leaves it. */
  remember(model: string): void {
    const file = { mode: '600', owner: 'root', group: 'root', written: this.now };
    this.files.set('/var/lib/lbctl/model.json', { ...file, content: model.replaceAll(`'\\''`, "'") });
  }

  private say(id: string, script: string): string {
    const [kind = '', name = ''] = id.split(/:(.*)/);
    switch (kind) {
      case 'lock-last':
        return `last=${this.lastOwner}\n`;
      case 'lock':
        return this.lock(script);
      case 'room':
        return roomOf(Math.floor(Date.now() / 1000));
      case 'os':
        return 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n';
      case 'network':
        return this.network();
      case 'listeners':
        return 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n';
      case 'selinux':
        return 'none\n';
      case 'ufw':
        return 'status absent\n';
      case 'firewall-state':
        return `ActiveState=${this.firewall}\nUnitFileState=\n`;
      case 'packages':
        return [...this.services.keys()].map((it) => `${it} 2.6\n`).join('');
      case 'sysctl':
        return [...this.sysctls].map(([key, value]) => `${key}=${value}\n`).join('');
      case 'file':
        return this.file(name);
      case 'service':
        return this.service(name as Service);
      case 'keepalived-state':
        return this.dump();
      case 'haproxy-stats':
        return this.statistics();
      case 'check-run':
        return this.files.has(checkScriptPath('debian')) ? 'passed\n' : 'the check script is missing\n';
      case 'generations':
        return this.generations.list();
      case 'kept':
        return this.generations.differences(name);
      case 'through-vip':
        return this.throughVip(script);
      default:
        return '';
    }
  }

  /** What a step would do to a host. */
  private take(script: string): void {
    this.now += 1;
    this.generations.take(script);
    const path = /^path=(\S+)$/m.exec(script)?.[1];
    if (path !== undefined) {
      const content = /^content\(\) \{ printf %s '([\s\S]*?)'; \}$/m.exec(script)?.[1] ?? '';
      const [, owner = '', group = ''] = /^chown '?([^: ]+):([^' ]+)'? "\$candidate"$/m.exec(script) ?? [];
      const mode = /^chmod 0?(\d+) "\$candidate"$/m.exec(script)?.[1] ?? '';
      this.files.set(path, {
        content: content.replaceAll(`'\\''`, "'"),
        mode,
        owner,
        group,
        written: this.now,
      });
    }
    if (/\bapt-get\b.*install/.test(script)) {
      for (const name of ['haproxy', 'keepalived'] as const) {
        // Debian starts services on install; keepalived's unit has ConditionFileNotEmpty= on its file.
        if (!this.services.has(name))
          this.services.set(name, {
            active: name === 'keepalived' && !this.files.has(KEEPALIVED_CONF) ? 'inactive' : 'active',
            enabled: 'enabled',
            loaded: this.now,
          });
      }
    }
    if (script.includes('sysctl -q -p')) this.sysctls.set('net.ipv4.ip_nonlocal_bind', '1');
    if (script.includes('disable --now firewalld')) this.firewall = 'inactive';
    for (const [, verb = '', name = ''] of script.matchAll(
      /systemctl (\w+) (haproxy|keepalived)(?= \|\|| & wait|$)/gm,
    )) {
      const service = this.services.get(name as Service);
      if (service === undefined) continue;
      if (verb === 'enable') service.enabled = 'enabled';
      if (verb === 'stop') service.active = 'inactive';
      if (['restart', 'start'].includes(verb)) service.active = 'active';
    }
    for (const [, name = ''] of script.matchAll(
      /systemctl (?:restart|start|reload) (haproxy|keepalived)\b/g,
    )) {
      const service = this.services.get(name as Service);
      if (service !== undefined) service.loaded = this.now + 0.5;
    }
  }

  get mac(): string {
    const last = Number(this.host.address.split('.').at(-1)) || 0;
    return `02:00:00:00:01:${last.toString(16).padStart(2, '0')}`;
  }

  private network(): string {
    const info = [this.host.address, ...this.held].map((local) => ({ local, prefixlen: 24 }));
    const flags = ['UP', 'LOWER_UP'];
    return JSON.stringify([
      { ifname: 'lo', flags, addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
      { ifname: 'eth0', flags, address: this.mac, addr_info: info },
    ]);
  }

  private file(path: string): string {
    const file = this.files.get(path);
    if (file === undefined) return 'missing\n';
    const head = ['regular file', file.mode, file.owner, file.group, `${file.written}.000`].join('|');
    return `${head}\n${this.now}.000000000\n${Buffer.from(file.content).toString('base64')}\n`;
  }

  /** What is asked of all files at once; of one that is odd it says that it is hidden. */
  private allFiles(script: string): string {
    const paths = (/^ *for p in (.*); do$/m.exec(script)?.[1] ?? '').split(' ');
    const contents: string[] = [];
    const lines = paths.map((path) => {
      const odd = this.odd.get(`file:${path}`);
      if (odd !== undefined) return `hidden ${typeof odd === 'string' ? odd : odd.stderr}|${path}\n`;
      const file = this.files.get(path);
      if (file === undefined) return `missing ${path}\n`;
      contents.push(file.content);
      const { mode, owner, group, written } = file;
      const about = [mode, owner, group, `${written}.000`, Buffer.byteLength(file.content), path];
      return `file regular file|${about.join('|')}\n`;
    });
    const content = Buffer.from(contents.join('')).toString('base64');
    return `now ${this.now}.000000000\n${lines.join('')}content\n${content}\n`;
  }

  private service(name: Service): string {
    const { active, enabled, loaded } = this.services.get(name) ?? {
      active: 'inactive',
      enabled: '',
      loaded: 0,
    };
    return [
      `LoadState=${this.services.has(name) ? 'loaded' : 'not-found'}`,
      `ActiveState=${active}`,
      `UnitFileState=${enabled}`,
      `MainPID=${active === 'active' ? 7 : 0}`,
      'NeedDaemonReload=no',
      `StateChangeTimestampMonotonic=${loaded * 1e6}`,
      `Uptime=${this.now}\n`,
    ].join('\n');
  }

  private dump(): string {
    if (!this.runs('keepalived')) return 'not-running\n';
    if (!this.files.has(KEEPALIVED_CONF)) return 'json\n[]\n';
    const list = this.cluster.vrrpInstances.map((instance) => ({
      data: {
        iname: instance.name,
        state: !this.fit ? 3 : this.holds(instance, this) ? 2 : 1,
        vrid: instance.virtualRouterId,
        base_priority: priorityOf(instance, this.host.name),
        effective_priority: priorityOf(instance, this.host.name),
      },
    }));
    return `json\n${JSON.stringify(list)}\n`;
  }

  private statistics(): string {
    if (!this.runs('haproxy') || !this.files.has(HAPROXY_CFG)) return '\nrc=7\n';
    if (!this.serves) return '\nrc=124\n';
    const { frontends, backends } = this.cluster.haproxy;
    const rows = [
      ...frontends.map((it) => `${it.name},FRONTEND,OPEN,`),
      ...backends.flatMap((it) =>
        it.servers.map((server) => `${it.name},${server.name},UP,${server.address}`),
      ),
    ];
    return `HTTP/1.1 200 OK\r\n\r\n# pxname,svname,status,addr\n${rows.join('\n')}\n\nrc=0\n`;
  }

  private throughVip(script: string): string {
    if (!this.runs('keepalived')) return '';
    const asked = [...script.matchAll(/^ask (\d+) \w+ (\S+) /gm)].filter(
      ([, , vip = '']) => !this.held.includes(vip),
    );
    const backend = first(this.cluster.haproxy.backends);
    return asked
      .flatMap(([, index]) =>
        backend.servers.map((it) => `${index}|yes|HTTP/1.1 200 OK|${backend.name}/${it.name}\n`),
      )
      .join('');
  }
}

/** What a host with room says, by that clock. */
function roomOf(clock: number): string {
  const line = (free: number) => `/dev/sda1 9999999 1000 ${free} 1% /\n`.repeat(4);
  return `clock ${clock}\nFilesystem 1024-blocks Used Available Capacity Mounted on\n${line(8_000_000)}inodes\n${line(500_000)}`;
}
