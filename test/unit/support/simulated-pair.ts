import type { Cluster, VrrpInstance } from '../../../src/inventory/model.js';
import { priorityOf } from '../../../src/render/keepalived.js';
import type { RunResult } from '../../../src/transport/types.js';
import { type FakeAnswer, type FakeTransport, fakeTransport } from './fake-transport.js';
import { SimulatedHost } from './simulated-host.js';

/** A section of a framed script. */
interface Asked {
  readonly id: string;
  readonly script: string;
  readonly stops: boolean;
}

function sectionsOf(script: string): { mark: string; sections: Asked[] } {
  const mark = /^m=(\S+)$/m.exec(script)?.[1] ?? '';
  const found = script.matchAll(
    /^say (?:'\+([^']*)'|\+(\S+))\n\(\n([\s\S]*?)\n\)(?: 8>&-)?(?:\nc=\$\?| & job=\$!\nbound \d+)(?:\n\[ "\$c" = 0 \] \|\| leaving)?\nsay "-\$c"\n(.*)/gm,
  );
  const sections = [...found].map(([, quoted, plain, body = '', after = '']) => ({
    id: quoted ?? plain ?? '',
    script: body,
    stops: after.includes('exit 0'),
  }));
  return { mark, sections };
}

/** What happens to a script instead of being answered: an error, or a result that is not what the host says. */
export type Mishap = (host: SimulatedHost, script: string, ids: readonly string[]) => FakeAnswer | undefined;

/** The hosts of a cluster, that run what they are sent as far as lbctl can see. */
export class SimulatedPair {
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  readonly transport: FakeTransport;
  /** Section ids by run: what was asked of whom. */
  readonly asked: { host: string; ids: string[] }[] = [];
  /** Hosts that cannot be reached. */
  readonly refused = new Map<string, Error>();
  mishap: Mishap = () => undefined;
  /** What a script waits for before it runs. */
  pause: (host: SimulatedHost, ids: readonly string[]) => Promise<void> | undefined = () => undefined;

  constructor(readonly cluster: Cluster) {
    const holds = (instance: VrrpInstance, host: SimulatedHost) => this.holderOf(instance) === host;
    this.hosts = new Map(cluster.hosts.map((host) => [host.name, new SimulatedHost(host, cluster, holds)]));
    this.transport = fakeTransport({
      connect: (host) => this.refused.get(host.name),
      answer: (host, script) => this.run(this.host(host.name), script),
    });
  }

  host(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** Steps that ran, by host, in order. */
  get steps(): string[] {
    return this.asked.flatMap(({ host, ids }) => ids.filter((id) => id.startsWith('step ')).map(() => host));
  }

  private holderOf(instance: VrrpInstance): SimulatedHost | undefined {
    const fit = [...this.hosts.values()].filter((host) => host.fit && !this.refused.has(host.host.name));
    return fit.sort((a, b) => priorityOf(instance, b.host.name) - priorityOf(instance, a.host.name))[0];
  }

  private async run(host: SimulatedHost, script: string): Promise<FakeAnswer> {
    const { mark, sections } = sectionsOf(script);
    const ids = sections.map((it) => it.id);
    await this.pause(host, ids);
    const mishap = this.mishap(host, script, ids);
    if (mishap !== undefined) return mishap;
    const model = /printf %s '(.*)' >\S+model\.json\.lbctl-new/.exec(script)?.[1];
    if (model !== undefined) host.remember(model);
    return this.answer(host, mark, sections);
  }

  /** The answer of a host up to, and with, the beginning of the section `until`. */
  answer(host: SimulatedHost, mark: string, sections: readonly Asked[], until?: string): Partial<RunResult> {
    let stdout = '';
    let stderr = '';
    const ids: string[] = [];
    this.asked.push({ host: host.host.name, ids });
    for (const { id, script, stops } of sections) {
      stdout += `\n${mark}+${id}\n`;
      stderr += `\n${mark}+${id}\n`;
      ids.push(id);
      if (id === until) break;
      const said = host.answer(id, script);
      stdout += `${said.stdout}\n${mark}-${said.exitCode}\n`;
      stderr += `${said.stderr}\n${mark}-${said.exitCode}\n`;
      if (stops && said.exitCode !== 0) break;
    }
    return { stdout, stderr };
  }

  /** The run ends in the middle of the section `until`. */
  cutAt(host: SimulatedHost, script: string, until: string): Partial<RunResult> {
    const { mark, sections } = sectionsOf(script);
    return this.answer(host, mark, sections, until);
  }
}
