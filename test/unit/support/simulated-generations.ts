import type { SimulatedHost } from './simulated-host.js';

type Files = SimulatedHost['files'];

interface Kept {
  readonly number: number;
  readonly files: Files;
  readonly states: Readonly<Record<string, string>>;
}

/** What a simulated host keeps of itself before it is changed, and puts back. */
export class SimulatedGenerations {
  readonly kept = new Map<number, Kept>();

  constructor(readonly host: SimulatedHost) {}

  keep(script: string): void {
    const number = Number(/^number=(\d+)$/m.exec(script)?.[1]);
    if ([...this.kept.values()].some((it) => it.number === number)) return;
    const files = new Map([...this.host.files].map(([path, file]) => [path, { ...file }]));
    const states: Record<string, string> = {};
    for (const name of ['haproxy', 'keepalived'] as const) {
      const service = this.host.services.get(name);
      states[`${name}.LoadState`] = service === undefined ? 'not-found' : 'loaded';
      states[`${name}.ActiveState`] = service?.active ?? 'inactive';
      states[`${name}.UnitFileState`] = service?.enabled ?? '';
    }
    this.kept.set(this.kept.size === 0 ? 0 : number, { number, files, states });
  }

  list(): string {
    return [...this.kept]
      .map(([folder, { number }]) => `folder=${folder}\nnumber=${number}\nwho=me\n`)
      .join('');
  }

  /** The answer of a kept probe, its key's last part. */
  differences(query: string): string {
    const [by, text] = query.split(':');
    const number = Number(text);
    const found = [...this.kept].find(([folder, it]) =>
      by === 'run' ? it.number === number : folder >= number,
    );
    if (found === undefined) return 'none\n';
    const [folder, { files, states }] = found;
    const encode = (content: string) => Buffer.from(content).toString('base64');
    const lines = [...new Set([...files.keys(), ...this.host.files.keys()])].map((path) => {
      const [now, kept] = [this.host.files.get(path), files.get(path)];
      if (kept === undefined) return `new ${encode(now?.content ?? '')} - ${path}`;
      if (now === undefined) return `gone - ${encode(kept.content)} ${path}`;
      if (now.content !== kept.content)
        return `content ${encode(now.content)} ${encode(kept.content)} ${path}`;
      return `same - - ${path}`;
    });
    const model = files.get(MODEL)?.content;
    return [
      `folder /kept/${folder}`,
      ...lines,
      ...Object.entries(states).map(([key, value]) => `state ${key}=${value}`),
      `model ${model === undefined ? '-' : encode(model)}`,
      'end\n',
    ].join('\n');
  }

  /** Steps that put a file back or take it away. */
  take(script: string): void {
    const [, folder, path] = /^put_back \/kept\/(\d+) (\S+)$/m.exec(script) ?? [];
    const away = /^take_away (\S+)$/m.exec(script)?.[1];
    if (away !== undefined) this.host.files.delete(away);
    const file = this.kept.get(Number(folder))?.files.get(path ?? '');
    if (path !== undefined && file !== undefined)
      this.host.files.set(path, { ...file, written: this.host.now });
  }
}

const MODEL = '/var/lib/lbctl/model.json';
