import type { LoginProblem, LoginStage } from './wire.js';

/** An error event of ssh2's client: `level` says where it arose. */
export interface ClientError extends Error {
  readonly level?: string;
}

/** An agent or a key that would not sign: ssh2 goes on to the next key by itself. */
export function isSigningError(error: ClientError): boolean {
  return (
    error.level === 'agent' ||
    (error.level === 'client-authentication' && !error.message.startsWith('All configured'))
  );
}

/** What kept the login from coming about. `offers`: what the server named in the handshake, by topic. */
export function problemOf(
  error: ClientError,
  stage: LoginStage,
  words: string,
  offers: ReadonlyMap<string, string>,
): LoginProblem {
  if (error.level === 'client-authentication') return { kind: 'refused' };
  // During the login it is no matter of the way there; nor is it an answer.
  if (error.level === 'client-socket')
    return stage === 'handshake' ? { kind: 'socket', error, words } : { kind: 'closed', stage, words };
  if (/too many authentication failures/i.test(error.message)) return { kind: 'too-many-keys' };
  if (stage === 'authentication' && !/no matching/i.test(error.message))
    return { kind: 'dismissed', message: error.message };
  if (error.message === 'Connection lost before handshake') return { kind: 'closed', stage, words };
  const topic = /no matching (.+?)(?: algorithm)?$/i.exec(error.message)?.[1]?.toLowerCase();
  const offered = [...offers].find(
    ([name]) =>
      topic !== undefined &&
      (name.startsWith(topic) || (topic.startsWith('key exchange') && name === 'kex method')),
  );
  return { kind: 'handshake', message: error.message, offered: offered?.[1] ?? null };
}
