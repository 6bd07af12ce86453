/*
 * The simulated pair behind real SSH servers on loopback, its haproxy.cfg drifted: what the build has `lbctl up` mend, so that
 * V8's code cache knows the functions which a change of a pair takes. Prints an inventory; ends when standard input ends.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type ServerChannel } from 'ssh2';
import { raw } from '../../../src/base/shell.js';
import { up } from './converge.js';
import { clusterOf, SMALLEST } from './model.js';
import { SimulatedPair } from './simulated-pair.js';

const [folder = '.'] = process.argv.slice(2);
const key = ssh2.utils.generateKeyPairSync('ed25519');
const pair = new SimulatedPair(clusterOf());
await up(pair);
for (const host of pair.hosts.values()) {
  const file = host.files.get('/etc/haproxy/haproxy.cfg');
  if (file !== undefined) file.content += '# by hand\n';
}
const ports = await Promise.all([...pair.cluster.hosts].map((host) => serve(host.name)));
process.stdout.write(`${inventory()}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

function inventory(): string {
  const at = (file: string, text: string) => {
    writeFileSync(join(folder, file), text, { mode: 0o600 });
    return join(folder, file);
  };
  const known = ports.map((port) => `[127.0.0.1]:${port} ${key.public}\n`).join('');
  const ssh = `ssh: { user: root, identity_file: ${at('key', key.private)}, known_hosts_file: ${at('known_hosts', known)} }\n`;
  const hosts = pair.cluster.hosts.map(
    ({ name, address }, index) =>
      [
        `${name}: ${address}\n`,
        `${name}: { address: ${address}, ssh: { hostname: 127.0.0.1, port: ${ports[index]} } }\n`,
      ] as const,
  );
  const text = hosts.reduce((all, [from, to]) => all.replace(from, to), SMALLEST);
  return at('inventory.yaml', ssh + text);
}

function serve(name: string): Promise<number> {
  const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => context.accept());
    client.on('session', (accept) => accept().on('exec', (take) => answerAll(name, take())));
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
}

/** One script after the other: a line with its time limit, one with its length, itself. */
function answerAll(name: string, channel: ServerChannel): void {
  let rest = Buffer.alloc(0);
  channel.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    const start = rest.indexOf(10, rest.indexOf(10) + 1) + 1;
    const length = Number(rest.subarray(rest.indexOf(10) + 1, start));
    if (start === 0 || rest.length < start + length) return;
    const sent = rest.subarray(start, start + length).toString('utf8');
    rest = rest.subarray(start + length);
    answer(name, sent, channel);
  });
}

async function answer(name: string, sent: string, channel: ServerChannel): Promise<void> {
  const mark = /lbctl-begin ([0-9a-f]+)/.exec(sent)?.[1];
  const script = /^script='((?:[^']|'\\'')*)'$/m.exec(sent)?.[1]?.replaceAll(`'\\''`, "'") ?? '';
  const host = pair.cluster.hosts.find((it) => it.name === name);
  if (host === undefined) return;
  const session = await pair.transport.connect(host);
  const { stdout, stderr } = await session.run(raw(script), { limit: 60 });
  const framed = (text: string) => `lbctl-begin ${mark}\n${text}lbctl-end ${mark} 0\n`;
  channel.stderr.write(framed(stderr));
  channel.write(framed(stdout));
}
