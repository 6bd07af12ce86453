import type { Secret } from '../base/secret.js';
import type { SecretRef } from '../inventory/model.js';
import { aborted, failure, printable } from './failures.js';
import { whyNotStarted } from './no-start.js';
import type { RemoteProcess } from './run-script.js';
import { destination, type Target } from './target.js';
import { TransportError } from './types.js';

/** What sudo asks for: fetched from this machine, or typed. */
export interface Passwords {
  /** @throws Error whose message says why there is none, or TransportError */
  of(ref: SecretRef): Promise<Secret>;
}

export const NO_PASSWORDS: Passwords = {
  of: async () => {
    throw new Error('passwords are not provided for here');
  },
};

/** How sudo is called. */
export interface SudoWay {
  /** `never`: with -n, which ends where sudo would ask. `perhaps`: it may ask, so nothing is sent before it let us in. */
  readonly asks: 'never' | 'perhaps';
  /** sudoers has `requiretty`. */
  readonly tty: boolean;
}

/** After so long a sudo that says nothing that is understood is given up. */
const SILENCE_MS = 60_000;
/** Of what sudo says, and the login shell before it: the end of it is kept. */
const MAX_WORDS = 20_000;
/** Whoever says more than this will not come to the point. */
const MAX_SAID = 4 * 1024 * 1024;

export interface SudoDialogue {
  readonly target: Target;
  /** Its own prompt: nothing else makes us send the password. */
  readonly prompt: string;
  /** What the script's receiver prints first. */
  readonly ready: string;
  /** Null: none is configured. */
  readonly password: (() => Promise<Secret>) | null;
  /** The password was right a moment ago: what follows may be sent behind it at once. */
  readonly trusted: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Waits until sudo has let us in, and gives it the password when it asks for it, once. Until then nothing else is
 * sent: whatever sudo reads instead of a password, or a shell instead of a script, would be wrong.
 * @returns whether it asked
 * @throws TransportError
 */
export function passSudo(process: RemoteProcess, dialogue: SudoDialogue): Promise<boolean> {
  const { target, prompt, ready, signal } = dialogue;
  const { host } = target;
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let bytes = 0;
    let prompts = 0;
    let settled = false;
    const settle = (end: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      end();
    };
    const fail = (error: TransportError) =>
      settle(() => {
        process.close();
        reject(error);
      });
    const said = () => `${stdout}\n${stderr}`.replaceAll(prompt, '').replaceAll(ready, '');
    const onAbort = () => fail(aborted(host));
    let timer = setTimeout(() => fail(unknownQuestion(target, said())), SILENCE_MS);
    const answer = async () => {
      if (dialogue.password === null) return fail(passwordMissing(target, said()));
      clearTimeout(timer);
      let password: Secret;
      try {
        password = await dialogue.password();
      } catch (error) {
        if (error instanceof TransportError) return fail(error);
        return fail(noPassword(target, error instanceof Error ? error.message : String(error)));
      }
      if (settled) return;
      timer = setTimeout(() => fail(unknownQuestion(target, said())), SILENCE_MS);
      process.write(Buffer.from(`${password.reveal().replace(/[\r\n].*$/s, '')}\n`));
      if (dialogue.trusted) settle(() => resolve(true));
    };
    const look = (chunk: Buffer) => {
      if (settled) return;
      bytes += chunk.length;
      const seen = `${stdout}\n${stderr}`.split(prompt).length - 1;
      if (stdout.includes(ready)) return settle(() => resolve(prompts > 0));
      if (seen > 1) return fail(wrongPassword(target));
      if (bytes > MAX_SAID) return fail(unknownQuestion(target, said()));
      if (seen === prompts) return;
      prompts = seen;
      void answer();
    };
    process.onStdout((chunk) => {
      if (settled) return;
      stdout = (stdout + chunk.toString('utf8')).slice(-MAX_WORDS);
      look(chunk);
    });
    process.onStderr((chunk) => {
      if (settled) return;
      stderr = (stderr + chunk.toString('utf8')).slice(-MAX_WORDS);
      look(chunk);
    });
    process.onClose((exitCode) =>
      settle(() => {
        const words = said();
        const isWrong = prompts > 0 && /incorrect password|try again|no password was provided/i.test(words);
        reject(
          isWrong
            ? wrongPassword(target)
            : whyNotStarted(target, {
                become: true,
                asked: prompts > 0,
                exitCode,
                stdout: '',
                stderr: words,
              }),
        );
      }),
    );
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
  });
}

function wrongPassword(target: Target): TransportError {
  return failure('privileges', target.host, {
    code: 'become-password-wrong',
    summary: `sudo on ${target.host.name} does not take the password of ${target.user}`,
    hint: `correct \`ssh.become.password\`; it was tried once only. By hand: \`ssh -t ${destination(target).replace(/ port (\d+)$/, ' -p $1')} sudo -v\``,
  });
}

function passwordMissing(target: Target, said: string): TransportError {
  return whyNotStarted(target, {
    become: true,
    exitCode: 1,
    stdout: '',
    stderr: `${said}\nsudo: a password is required`,
  });
}

function noPassword(target: Target, reason: string): TransportError {
  return failure('privileges', target.host, {
    code: 'become-password-missing',
    summary: `sudo on ${target.host.name} wants the password of ${target.user}, and there is none: ${reason}`,
    hint: 'run lbctl on a terminal, or let `ssh.become.password` name a file, a command or an environment variable',
  });
}

function unknownQuestion(target: Target, said: string): TransportError {
  return failure('privileges', target.host, {
    code: 'sudo-silent',
    summary: `sudo on ${target.host.name} neither lets ${target.user} in nor asks for a password`,
    detail: printable(said).split('\n').slice(-8).join('\n'),
    hint: `try it by hand: \`ssh -t ${destination(target).replace(/ port (\d+)$/, ' -p $1')} sudo id\`; what it asks besides a password cannot be answered`,
  });
}

/**
 * Another way to call sudo, where one was refused for a reason that it mends; nothing ran then. Where there is no password to
 * give, a sudo that wants one is not asked again: that would count as a failed attempt (pam_faillock).
 */
export function otherWay(way: SudoWay, said: string, hasPassword: boolean): SudoWay | null {
  if (!way.tty && /must have a tty|no tty present/i.test(said)) return { ...way, tty: true };
  const wantsPassword = hasPassword && /password is required|authentication is required/i.test(said);
  const noSuchOption = /(?:invalid|illegal|unknown|unrecognized) option.*n\b|usage: sudo/i.test(said);
  if (way.asks === 'never' && (wantsPassword || noSuchOption)) return { ...way, asks: 'perhaps' };
  return null;
}
