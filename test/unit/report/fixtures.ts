import { Writable } from 'node:stream';
import type { RunEvent } from '../../../src/engine/events.js';

export type EventOf<Name extends RunEvent['event']> = Extract<RunEvent, { event: Name }>;

/** Collects what is written; `columns` and `rows` make it a terminal. */
export class Sink extends Writable {
  readonly chunks: string[] = [];

  constructor(
    readonly columns = 80,
    readonly rows = 24,
  ) {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _encoding: string, callback: () => void): void {
    this.chunks.push(chunk.toString());
    callback();
  }

  get text(): string {
    return this.chunks.join('');
  }

  /** What a terminal without end would show: lines drawn over are gone. Knows the sequences that the screen uses. */
  get shown(): string[] {
    const lines: string[] = [];
    let row = 0;
    for (const part of this.text.match(/\x1b\[\d+[AJ]|\r|\n|[^\x1b\r\n]+/g) ?? []) {
      if (part === '\n') row += 1;
      else if (part.endsWith('A')) row -= Number(part.slice(2, -1));
      else if (part.startsWith('\x1b')) lines.length = row;
      else if (part !== '\r') lines[row] = part;
    }
    return Array.from(lines, (line) => line ?? '');
  }
}

/** An event of one host of cluster `web`, the rest filled in. */
export function task(fields: Partial<EventOf<'task'>>): RunEvent {
  return {
    event: 'task',
    cluster: 'web',
    host: 'lb1',
    play: 'haproxy',
    resource: 'haproxy_config',
    title: 'HAProxy configuration',
    state: 'running',
    ...fields,
  };
}

export function phase(
  name: EventOf<'phase'>['phase'],
  state: EventOf<'phase'>['state'],
  detail?: string,
): RunEvent {
  return { event: 'phase', cluster: 'web', phase: name, state, ...(detail === undefined ? {} : { detail }) };
}

export const run: RunEvent = {
  event: 'run',
  command: 'up',
  inventory: 'inventory.yaml',
  clusters: [{ name: 'web', hosts: ['lb1', 'lb2'] }],
};

export const refused: RunEvent = {
  event: 'diagnostic',
  diagnostic: {
    severity: 'error',
    code: 'config-refused',
    summary: 'haproxy refuses the configuration',
    detail: '[ALERT] parsing [haproxy.cfg:3]\n\x1b[31munknown keyword\x07\n',
    hint: 'correct the lines named above',
    cluster: 'web',
    host: 'lb1',
    resource: 'haproxy_config',
  },
};

export const warning: RunEvent = {
  event: 'diagnostic',
  diagnostic: {
    severity: 'warning',
    code: 'literal-secret',
    summary: 'auth_pass is written out',
    cluster: 'web',
  },
};

export const notice: RunEvent = {
  event: 'notice',
  cluster: 'web',
  host: 'lb1',
  message: 'firewalld is being switched off',
};

export const command: RunEvent = {
  event: 'command',
  cluster: 'web',
  host: 'lb1',
  title: 'observe',
  script: 'set -eu\nip addr\n',
  exit_code: 1,
  stdout: 'eth0\x1b[2J up\n\n\tinet 192.168.64.139\n',
  stderr: '',
  duration_ms: 30,
};

export const failed: EventOf<'summary'> = {
  event: 'summary',
  ok: false,
  hosts: {
    lb1: { status: 'failed', changed: ['packages'], error: 'haproxy refuses the configuration\nline 3' },
    lb2: { status: 'unreachable', changed: [], error: 'connect 192.168.64.137 port 22: refused' },
    lb3: { status: 'ok', changed: [], error: null },
  },
  clusters: {
    web: { ok: false, state: null, error: 'stopped' },
    db: { ok: true, state: 'healthy', error: null },
  },
  duration_ms: 65_000,
};

export const done: EventOf<'summary'> = {
  event: 'summary',
  ok: true,
  hosts: {
    lb1: { status: 'changed', changed: ['haproxy_config', 'service:haproxy'], error: null },
    lb2: { status: 'ok', changed: [], error: null },
  },
  clusters: { web: { ok: true, state: 'healthy', error: null } },
  duration_ms: 4_200,
};
