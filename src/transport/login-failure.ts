import { AttemptFailed, dialFailure } from './dial.js';
import { aborted, failure } from './failures.js';
import type { HostTrust, Trust } from './host-trust.js';
import { type LoginAttempt, loginRefused } from './login-refused.js';
import { destination, sshArguments, type Target } from './target.js';
import type { LoginProblem } from './wire.js';

export interface LoginContext {
  readonly target: Target;
  readonly trust: HostTrust;
  /** What was decided about the host's key; null when it did not come to that. */
  readonly decision: Trust | null;
  readonly refusal: LoginAttempt;
  readonly keysLeft: boolean;
  /** Somebody typed something for this login. */
  readonly isTyped: boolean;
  readonly authenticationMs: number;
  /** What a ProxyCommand said on its standard error. */
  readonly proxySaid: string;
}

/** Why there is no connection, for people, and whether to try again. */
export function loginFailure(problem: LoginProblem, context: LoginContext): AttemptFailed {
  const { target, decision, refusal } = context;
  // Whatever came of it afterwards: the connection was given up because of the key.
  if (decision !== null && !decision.accept) return new AttemptFailed(decision.error, 'never');
  switch (problem.kind) {
    case 'socket': {
      const failed = dialFailure(target, problem.error);
      return isFull(problem.words) && failed.retry === 'later'
        ? new AttemptFailed(failed.error, 'when-free')
        : failed;
    }
    case 'closed': {
      const again = isFull(problem.words) ? 'when-free' : 'later';
      return new AttemptFailed(closed(problem, context), context.isTyped ? 'never' : again);
    }
    case 'handshake':
      return new AttemptFailed(handshakeFailed(problem, context), 'never');
    case 'dismissed': {
      const summary = `${target.name} ended the login as ${destination(target)}: ${problem.message}`;
      const hint = `see its log on ${target.name}: \`journalctl -u sshd -u ssh\``;
      return new AttemptFailed(
        failure('unreachable', target.host, { code: 'login-refused', summary, hint }),
        'never',
      );
    }
    case 'refused':
      return new AttemptFailed(loginRefused(target, refusal), 'never');
    case 'too-many-keys':
      return new AttemptFailed(loginRefused(target, refusal), context.keysLeft ? 'at-once' : 'never');
    case 'timeout':
      return new AttemptFailed(
        problem.stage === 'handshake' ? handshakeLate(target) : loginLate(context),
        'never',
      );
    case 'aborted':
      return new AttemptFailed(aborted(target.host), 'never');
  }
}

/** In the words of sshd, which has too many logins under way; newer ones (9.8) keep it to themselves whether it is that. */
function isFull(words: string): boolean {
  return /^(?:Exceeded MaxStartups|Not allowed at this time)/.test(words);
}

/** The port answers, but not as an SSH server does. */
function handshakeLate(target: Target) {
  const { name, hostname, port, connectTimeoutMs } = target;
  return failure('unreachable', target.host, {
    code: 'connect-timeout',
    summary: `${name} (${hostname} port ${port}) answers, but after ${connectTimeoutMs / 1000} s there was still not an SSH handshake`,
    hint: `is that an SSH server, and is ${name} not overloaded? (\`ssh -v ${sshArguments(target)}\`; a slow one needs more \`ssh.connect_timeout\`)`,
  });
}

function loginLate({ target, authenticationMs }: LoginContext) {
  const { name } = target;
  return failure('unreachable', target.host, {
    code: 'login-timeout',
    summary: `${name} did not answer the login as ${destination(target)} within ${authenticationMs / 1000} s`,
    hint: `sshd waits for something there: a name server (UseDNS), a directory (LDAP, SSSD), PAM or AuthorizedKeysCommand; on ${name}: \`journalctl -u sshd -u ssh\``,
  });
}

function closed(problem: Extract<LoginProblem, { kind: 'closed' }>, { target, proxySaid }: LoginContext) {
  if (target.route.kind === 'command') {
    return failure('unreachable', target.host, {
      code: 'proxy-command',
      summary: `the ProxyCommand for ${target.name} ended during the ${problem.stage}`,
      detail: proxySaid === '' ? undefined : `It said: ${proxySaid}`,
      hint: `try it by hand: \`${target.route.command}\``,
    });
  }
  const { name, hostname, port, host } = target;
  if (problem.stage === 'authentication') {
    return failure('unreachable', host, {
      code: 'login-cut',
      summary: `${name} closed the connection during the login as ${destination(target)}, without saying why`,
      hint: `either the network cut it, or sshd gave up, as it does where PAM refuses an account (expired, pam_access, /etc/nologin): on ${name} \`journalctl -u sshd -u ssh\` says which`,
    });
  }
  return failure('unreachable', host, {
    code: 'handshake-failed',
    summary: `${name} (${hostname} port ${port}) closed the connection during the ${problem.stage}`,
    detail: problem.words === '' ? undefined : `Before that it said: ${problem.words}`,
    hint: `is that an SSH server, and does it have too many connections just now (MaxStartups)? On ${name}: \`journalctl -u sshd -u ssh\``,
  });
}

function handshakeFailed(
  problem: Extract<LoginProblem, { kind: 'handshake' }>,
  { target, trust }: LoginContext,
) {
  const { host, name } = target;
  const offered =
    problem.offered === null ? undefined : `It offers: ${problem.offered.split(',').join(', ')}.`;
  if (/host key format/i.test(problem.message) && trust.knownTypes.length > 0) {
    return failure('unreachable', host, {
      code: 'host-key-unknown',
      summary: `${name} no longer has a host key of a type that is known for it (${trust.knownTypes.join(', ')})`,
      detail: offered,
      hint: `if that is right, add its other keys: \`ssh-keyscan -p ${target.port} ${target.hostname}\`, compare the fingerprints, and append them to your known_hosts`,
    });
  }
  return failure('unreachable', host, {
    code: 'handshake-failed',
    summary: `no SSH handshake with ${name}: ${problem.message.replace(/^Handshake failed: /, '')}`,
    detail: offered,
    hint: /signature/i.test(problem.message)
      ? `whoever answers does not hold the host key that it shows: find out what stands between here and ${target.hostname} (\`ssh -v ${sshArguments(target)}\` should fail as well)`
      : offered === undefined
        ? `see its log on ${name} (\`journalctl -u sshd -u ssh\`), and what ssh says: \`ssh -v ${sshArguments(target)}\``
        : `the server offers only what lbctl does not have; widen KexAlgorithms, HostKeyAlgorithms, Ciphers or MACs in sshd_config of ${name}`,
  });
}
