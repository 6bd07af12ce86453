import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { MONITOR_STATS_URI } from '../../render/haproxy.js';
import type { Probe } from '../types.js';

export interface ServerFacts {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  /** As HAProxy's statistics name it: UP, DOWN, `UP 1/3`, MAINT, DRAIN, `no check`. */
  readonly status: string;
}

export interface HaproxyFacts {
  /** The monitor answered on loopback. */
  readonly serving: boolean;
  /** Why not; empty where it serves. */
  readonly reason: string;
  /** Something takes connections on the monitor's port and says nothing. */
  readonly hung: boolean;
  readonly frontends: readonly string[];
  readonly servers: readonly ServerFacts[];
}

/** HAProxy's own statistics, asked on the monitor's port on loopback. */
export function haproxyProbe(port: number): Probe<HaproxyFacts> {
  return {
    key: `haproxy-stats:${port}`,
    script: sh`timeout -k 1 2 bash -c 'exec 2>/dev/null; exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 7
printf "GET %s;csv HTTP/1.0\r\n\r\n" "$1" | cat >&3; cat <&3' ${port} ${MONITOR_STATS_URI}
rc=$?
echo
echo "rc=$rc"`,
    parse({ stdout }) {
      const rc = /\nrc=(\d+)\s*$/.exec(stdout)?.[1];
      if (rc === undefined) return err("the answer of HAProxy's monitor was cut short");
      const dead = (reason: string, hung = false) =>
        ok({ serving: false, reason, hung, frontends: [], servers: [] });
      if (rc === '125' || rc === '126' || rc === '127')
        return err('bash or timeout is missing: HAProxy was not asked');
      if (rc === '7' || rc === '1') return dead(`nothing listens on 127.0.0.1:${port}`);
      if (rc === '124' || rc === '137') return dead(`its monitor on 127.0.0.1:${port} does not answer`, true);
      const at = stdout.indexOf('\r\n\r\n');
      const status = stdout.split(/\r?\n/)[0] ?? '';
      if (at < 0 || !/^HTTP\/1\.[01] 200/.test(status)) {
        return dead(`its monitor on 127.0.0.1:${port} answers ${status === '' ? 'nothing' : `"${status}"`}`);
      }
      const body = stdout.slice(at + 4);
      const chunked = /^transfer-encoding: *chunked/im.test(stdout.slice(0, at));
      return ok({ serving: true, reason: '', hung: false, ...parseCsv(chunked ? joinChunks(body) : body) });
    },
  };
}

/** HAProxy sends its statistics in chunks, even to HTTP/1.0. Sizes are hexadecimal; the text is ASCII. */
function joinChunks(body: string): string {
  let text = '';
  let rest = body;
  for (;;) {
    const line = /^([0-9a-fA-F]+)[^\r\n]*\r?\n/.exec(rest);
    const size = Number.parseInt(line?.[1] ?? '0', 16);
    if (line === null || size === 0) return text;
    text += rest.slice(line[0].length, line[0].length + size);
    rest = rest.slice(line[0].length + size).replace(/^\r?\n/, '');
  }
}

function parseCsv(csv: string): Pick<HaproxyFacts, 'frontends' | 'servers'> {
  const lines = csv.split('\n').filter((line) => line !== '' && !line.startsWith('rc='));
  const header = (lines[0] ?? '').replace(/^# /, '').split(',');
  const column = (row: readonly string[], name: string) => row[header.indexOf(name)] ?? '';
  const frontends: string[] = [];
  const servers: ServerFacts[] = [];
  for (const line of lines.slice(1)) {
    const row = splitCsv(line);
    const server = column(row, 'svname');
    if (server === 'FRONTEND') frontends.push(column(row, 'pxname'));
    else if (server !== 'BACKEND' && server !== '') {
      servers.push({
        backend: column(row, 'pxname'),
        server,
        address: column(row, 'addr'),
        status: column(row, 'status'),
      });
    }
  }
  return { frontends, servers };
}

/** One line of CSV: a field may be quoted, with doubled quotes inside. */
function splitCsv(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field = '']) =>
    field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
  );
}
