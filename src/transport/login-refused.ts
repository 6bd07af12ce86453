import { quote } from '../base/shell.js';
import { failure } from './failures.js';
import { destination, sshArguments, type Target } from './target.js';
import type { TransportError } from './types.js';

export interface LoginAttempt {
  /** Labels of the keys that the server turned down. */
  readonly tried: readonly string[];
  readonly obstacles: readonly { readonly code: string; readonly text: string; readonly hint: string }[];
  /** The key file to install on the host; null: none is there, or only the agent's keys. */
  readonly keyFile: string | null;
  /** What the server would take, in its words; null when it did not say. */
  readonly methods: readonly string[] | null;
  /** A key was taken, but the server wants another proof as well. */
  readonly partial: boolean;
  readonly banner: string;
  readonly agentNote: string | null;
  /** Whether passwords could have been asked for: not off a terminal, nor for a host whose key has changed. */
  readonly asking: 'possible' | 'nobody' | 'host-in-doubt';
}

export function loginRefused(target: Target, attempt: LoginAttempt): TransportError {
  const { asking, tried, methods, partial } = attempt;
  const typed = (methods ?? []).some((method) => method === 'password' || method === 'keyboard-interactive');
  const details = [
    tried.length > 0 ? `Keys that were tried: ${tried.join(', ')}.` : 'There was no key to try.',
    ...attempt.obstacles.map(({ text }) => `${text}.`),
    ...(attempt.agentNote === null ? [] : [attempt.agentNote]),
    ...(typed && asking === 'host-in-doubt'
      ? ['Passwords are not asked for nor sent: the host key is not the one that is known.']
      : []),
    ...(methods === null || methods.length === 0 ? [] : [`The server offers: ${methods.join(', ')}.`]),
    ...(attempt.banner === '' ? [] : [`The server says: ${attempt.banner.slice(0, 500)}`]),
  ];
  const unlock = attempt.obstacles[0]?.hint;
  const type: string[] = [];
  if (typed && asking === 'nobody') type.push('run lbctl on a terminal, where it can ask for the password');
  if (typed && asking === 'host-in-doubt')
    type.push(`if the host was set up anew, remove its old key: \`ssh-keygen -R ${quote(target.keyName)}\``);
  return failure('unreachable', target.host, {
    code: 'login-refused',
    summary: partial
      ? `${target.name} took the key of ${destination(target)} but wants ${(methods ?? []).join(' or ') || 'more'} as well${asking === 'nobody' ? ', and nobody can be asked here' : ''}`
      : `${target.name} refused the login as ${destination(target)}`,
    detail: details.join('\n'),
    hint: [...(unlock === undefined ? [] : [unlock]), ...type, lastResort(target, attempt)].join('; or '),
  });
}

function lastResort(target: Target, attempt: LoginAttempt): string {
  if (attempt.partial)
    return `see by hand what it asks, and whether it takes the answer: \`ssh ${sshArguments(target)}\``;
  const port = target.port === 22 ? '' : `-p ${target.port} `;
  const where = quote(`${target.user}@${target.hostname}`);
  if (attempt.keyFile !== null)
    return `install the key on the host: \`ssh-copy-id ${port}-i ${quote(attempt.keyFile)} ${where}\``;
  if (attempt.tried.length > 0)
    return `install the agent's keys on the host: \`ssh-copy-id ${port}${where}\``;
  return `make a key and install it on the host: \`ssh-keygen -t ed25519 && ssh-copy-id ${port}${where}\``;
}
