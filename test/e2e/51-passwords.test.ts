import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { raw } from '../../src/base/shell.js';
import type { Ask } from '../../src/transport/ask.js';
import { type LabInfo, labExec, labInfo } from '../lab/lab.js';
import { labUp } from './support/pair.js';
import {
  ASKED,
  addUsers,
  el1,
  LOGIN,
  needing,
  on,
  PASSWORD,
  refusal,
  removeUsers,
  transport,
} from './support/sudo-users.js';

const USERS = { asked: ASKED('asked'), twice: { ...ASKED('twice'), password: LOGIN } };

let lab: LabInfo;

beforeAll(async () => {
  await labUp();
  lab = await labInfo();
  await addUsers('el1', USERS);
});

afterAll(async () => {
  await labExec('el1', 'rm -f /etc/ssh/sshd_config.d/00-lbctl-test.conf; systemctl reload sshd');
  await removeUsers('el1', Object.keys(USERS));
});

describe('passwords to log in', () => {
  beforeAll(async () => {
    await on(
      'el1',
      `cat > /etc/ssh/sshd_config.d/00-lbctl-test.conf <<'END'
MaxSessions 2
Match User twice
  PasswordAuthentication yes
  KbdInteractiveAuthentication yes
  AuthenticationMethods publickey,password publickey,keyboard-interactive
Match User asked
  PasswordAuthentication yes
  KbdInteractiveAuthentication yes
  AuthenticationMethods password keyboard-interactive
END
systemctl reload sshd`,
    );
  });
  const saying = (...answers: string[]): Ask & { questions: string[] } => {
    const questions: string[] = [];
    const next = async (question: string) => {
      questions.push(question);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('not answered');
      return answer;
    };
    return { questions, text: next, secret: async (question) => new Secret(await next(question)) };
  };

  it('a second factor after the key', async () => {
    const ask = saying(LOGIN);
    const session = await transport({ ask }).connect(needing(lab, 'twice'));
    session.close();
    expect(ask.questions).toHaveLength(1);
    expect(ask.questions[0]).toContain('twice on lb1');
  });

  it('a password alone, typed wrongly first', async () => {
    const ask = saying('wrong', PASSWORD);
    const session = await transport({ ask }).connect(needing(lab, 'asked'));
    session.close();
    expect(ask.questions).toHaveLength(2);
    await on('el1', 'rm -f /var/run/faillock/*');
  });

  it('a server that allows two sessions', async () => {
    const session = await transport().connect(el1(lab, {}));
    const runs = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) => session.run(raw(`echo ${n}`), { limit: 20 })),
    );
    session.close();
    expect(runs.map((it) => it.stdout.trim())).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('nobody to ask: what the server wants', async () => {
    const twice = await refusal(needing(lab, 'twice'));
    expect(twice.summary).toMatch(/took the key .* but wants .*(password|keyboard-interactive)/);
    expect(twice.hint).toContain('terminal');
    const asked = await refusal(needing(lab, 'asked'));
    expect(asked.code).toBe('login-refused');
  });
});

describe('a bad network', () => {
  it('a link that stalls for 20 s while a script runs', async () => {
    let stalled = false;
    const relay = createServer((socket) => {
      const real = connect(lab.hosts.el1.ssh_port, '127.0.0.1').on('error', () => undefined);
      const pass = (from: Socket, to: Socket) => {
        const held: Buffer[] = [];
        from
          .on('error', () => undefined)
          .on('data', (chunk: Buffer) => {
            if (stalled) held.push(chunk);
            else to.write(Buffer.concat([...held.splice(0), chunk]));
          });
        const timer = setInterval(
          () => !stalled && held.length > 0 && to.write(Buffer.concat(held.splice(0))),
          50,
        );
        from.on('close', () => {
          clearInterval(timer);
          to.destroy();
        });
      };
      pass(socket, real);
      pass(real, socket);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const address = relay.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const session = await transport().connect(
      el1(lab, { port, strictHostKeyChecking: 'no', knownHostsFile: '/dev/null' }),
    );
    const running = session.run(raw('sleep 2; echo whole'), { limit: 10 });
    setTimeout(() => {
      stalled = true;
    }, 1000);
    setTimeout(() => {
      stalled = false;
    }, 21_000);
    const { stdout, timedOut, durationMs } = await running;
    expect([stdout, timedOut]).toEqual(['whole\n', false]);
    expect(durationMs).toBeGreaterThan(19_000);
    session.close();
    relay.close();
  });
});
