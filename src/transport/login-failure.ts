import { AttemptFailed, dialFailure, timeout } from './dial.js';
import { aborted, failure } from './failures.js';
import type { HostTrust, Trust } from './host-trust.js';
import { type LoginAttempt, loginRefused } from './login-refused.js';
import { destination, type Target } from './target.js';
import type { LoginProblem } from './wire.js';

export interface LoginContext {
  readonly target: Target;
  readonly trust: HostTrust;
  /** What was decided about the host's key; null when it did not come to that. */
  readonly decision: Trust | null;
  readonly refusal: LoginAttempt;
  readonly keysLeft: boolean;
  /** What a ProxyCommand said on its standard error. */
  readonly proxySaid: string;
}

/** Why there is no connection, for people, and whether to try again. */
export function loginFailure(problem: LoginProblem, context: LoginContext): AttemptFailed {
  const { target, decision, refusal } = context;
  // Whatever came of it afterwards: the connection was given up because of the key.
  if (decision !== null && !decision.accept) return new AttemptFailed(decision.error, 'never');
  switch (problem.kind) {
    case 'socket':
      return dialFailure(target, problem.error);
    case 'closed':
      return new AttemptFailed(closed(problem, context), problem.stage === 'handshake' ? 'later' : 'never');
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
    case 'timeout': {
      const missing = problem.stage === 'handshake' ? 'an SSH handshake' : 'an answer to the login';
      return new AttemptFailed(timeout(target, missing), 'never');
    }
    case 'aborted':
      return new AttemptFailed(aborted(target.host), 'never');
  }
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
    hint:
      offered === undefined
        ? undefined
        : `the server offers only what lbctl does not have; widen KexAlgorithms, HostKeyAlgorithms, Ciphers or MACs in sshd_config of ${name}`,
  });
}
