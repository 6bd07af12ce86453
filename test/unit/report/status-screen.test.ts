import { expect, it } from 'vitest';
import type { ClusterStatus } from '../../../src/engine/documents.js';
import { StatusScreen } from '../../../src/report/status-screen.js';

const cluster: ClusterStatus = {
  name: 'web',
  state: 'healthy',
  virtual_ips: [{ address: '192.168.64.200', instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
  hosts: [],
  servers: [],
  problems: [],
  notices: [],
};

function terminal(columns: number, rows: number) {
  let text = '';
  const write = (it: string) => {
    text += it;
    return true;
  };
  const stream = { columns, rows, isTTY: true, write } as unknown as NodeJS.WriteStream;
  const take = () => {
    const taken = text;
    text = '';
    return taken;
  };
  return { screen: new StatusScreen({ stream, color: true }), take };
}

it('draws over what it drew before, and hides no cursor', () => {
  const { screen, take } = terminal(80, 24);
  screen.show('12:00:00', { clusters: [cluster] });
  const first = take();
  expect(first).toMatch(/^12:00:00\n\n.*web:.*healthy/s);
  screen.show('12:00:02', { clusters: [{ ...cluster, state: 'down' }] });
  const second = take();
  expect(second).toMatch(/^\x1b\[7A\r\x1b\[0J12:00:02\n/);
  expect(second).toContain('down (not served)');
  expect(first + second).not.toMatch(/\x1b\[\?/);
});

it('never takes more lines or columns than there are', () => {
  const { screen, take } = terminal(30, 8);
  const problems = Array.from({ length: 9 }, (_, n) => ({
    code: 'server_down',
    message: `${n} `.repeat(30),
    host: 'lb1',
  }));
  screen.show('12:00:00', { clusters: [{ ...cluster, problems }] });
  const lines = take().split('\n');
  // The last one is empty: there the cursor stands.
  expect(lines).toHaveLength(8);
  for (const line of lines) expect(line.replace(/\x1b\[[0-9;]*m/g, '').length).toBeLessThan(30);
  expect(lines.at(-2)).toMatch(/^… \d+ more/);
});
