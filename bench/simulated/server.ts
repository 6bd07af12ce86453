/*
 * Simulated hosts: SSH servers in one process, each of which answers lbctl's script with what a real host answered,
 * its addresses replaced. `server.mjs record FILE`: hosts in front of real ones, whose answers go to FILE;
 * `server.mjs replay FILE`: hosts that answer from it. The hosts come as JSON on standard input; their ports are
 * printed as JSON. Ends when standard input ends.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { type Answer, answerAs, markless } from './answer.js';

export interface SimulatedHost {
  readonly role: string;
  /** Replay: the network that stands in for the recorded one. Same length. */
  readonly network?: string;
  /** Record: the command that reaches the real host's shell. */
  readonly ssh?: readonly string[];
}

interface Input {
  readonly hostKey: string;
  readonly network: string;
  readonly hosts: readonly SimulatedHost[];
}

const [mode, file = ''] = process.argv.slice(2);
const [line = '', ...rest] = (await firstLine()).split('\n');
const input: Input = JSON.parse(line + rest.join(''));
const recorded: Record<string, Answer> = mode === 'replay' ? JSON.parse(readFileSync(file, 'utf8')) : {};
const ports = await Promise.all(input.hosts.map(serve));
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

function firstLine(): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    const onData = (chunk: Buffer) => {
      all += chunk.toString('utf8');
      if (!all.includes('\n')) return;
      process.stdin.off('data', onData);
      resolve(all);
    };
    process.stdin.on('data', onData);
  });
}

function serve(host: SimulatedHost): Promise<number> {
  const server = new ssh2.Server({ hostKeys: [input.hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => context.accept());
    client.on('ready', () => {
      client.on('session', (acceptSession) => {
        acceptSession().on('exec', (acceptExec, _reject, { command }) => {
          const channel = acceptExec();
          readScript(channel).then(async (script) => {
            const answer =
              host.ssh === undefined ? replay(host, script) : await record(host, command, script);
            channel.write(answer.stdout);
            channel.stderr.write(answer.stderr);
            channel.exit(0);
            channel.end();
          });
        });
      });
    });
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
}

/** The first line is the time limit, the second the length of the rest. */
function readScript(channel: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    channel.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      const first = all.indexOf(10);
      const at = all.indexOf(10, first + 1);
      if (at > 0 && all.length >= at + 1 + Number(all.subarray(first + 1, at))) resolve(all.toString('utf8'));
    });
  });
}

function replay(host: SimulatedHost, script: string): Answer {
  const answer = recorded[host.role];
  if (answer === undefined) throw new Error(`nothing recorded for ${host.role}`);
  return answerAs(answer, script, { from: input.network, to: host.network ?? input.network });
}

async function record(host: SimulatedHost, command: string, script: string): Promise<Answer> {
  const [program = 'ssh', ...options] = host.ssh ?? [];
  const child = spawn(program, [...options, command], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      said[name] += piece;
      // The shell there waits for another script; before that its end would be the end of this one.
      if (said.stdout.includes('lbctl-end') && said.stderr.includes('lbctl-end')) child.stdin.end();
    });
  }
  child.stdin.write(script);
  await new Promise((resolve) => child.on('close', resolve));
  const { stdout, stderr } = said;
  recorded[host.role] = markless({ stdout, stderr }, script);
  writeFileSync(file, JSON.stringify(recorded));
  return { stdout, stderr };
}
