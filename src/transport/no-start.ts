import { failure, printable } from './failures.js';
import { destination, type Target } from './target.js';
import type { TransportError } from './types.js';

/** A remote command that ended before the script began. */
export interface NoStart {
  readonly become: boolean;
  /** sudo took the password that it asked for. */
  readonly asked?: boolean;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Says why nothing ran: no rights, no sudo, no shell. */
export function whyNotStarted(target: Target, end: NoStart): TransportError {
  const { host, user } = target;
  const said = lastLines(`${end.stdout}\n${end.stderr}`);
  const missing =
    /(?:^|[\s\u2018'"`:])(sudo|timeout|head|script|\/bin\/sh)['"\u2019`]?:? (?:command )?not found|(?:Unknown command|unknown command)[:.]? *['"]?(sudo|timeout)|failed to run command ['"\u2018](\/bin\/sh)|(timeout): No such file/im.exec(
      said,
    );
  // env(1) still says it in the host's own language.
  const noSudo = end.exitCode === 127 && /^env: .*\bsudo\b/m.test(said) ? 'sudo' : undefined;
  const program = missing?.[1] ?? missing?.[2] ?? missing?.[3] ?? missing?.[4] ?? noSudo;
  if (program === 'sudo') {
    return failure('privileges', host, {
      code: 'sudo-missing',
      summary: `${destination(target)} is not root, and ${host.name} has no sudo`,
      detail: said,
      hint: `log in as root (\`ssh.user: root\`), or install sudo on ${host.name} and allow ${user} to use it`,
    });
  }
  if (program === 'script') {
    return failure('privileges', host, {
      code: 'sudo-tty',
      summary: `sudo on ${host.name} wants a terminal (requiretty), and there is no script(1) to give it one`,
      detail: said,
      hint: `on ${host.name}, as root: \`echo 'Defaults:${user} !requiretty' > /etc/sudoers.d/${user.replaceAll('.', '_')}-tty\`, or install util-linux`,
    });
  }
  if (program !== undefined) {
    return failure('unreachable', host, {
      code: 'tool-missing',
      summary: `${host.name} has no ${program}`,
      detail: said,
      hint: `install it on ${host.name} (\`timeout\` and \`head\` are in coreutils)`,
    });
  }
  // nologin(8) stands in for the shell: it never came to sudo.
  if (end.become && !/account is (?:currently )?not available/i.test(said)) {
    const sudo = sudoLines(said);
    const needsPassword = !end.asked && /password is required|authentication is required/.test(sudo);
    return failure('privileges', host, {
      code: 'sudo-refused',
      summary: `${user} may not become root on ${host.name}${end.asked ? '' : ' without a password'}: ${sudo.split('\n')[0] || `sudo ended with status ${end.exitCode}`}`,
      detail: said,
      hint: `${needsPassword ? 'give its password (`ssh.become.password`); or ' : ''}allow it on ${host.name}, as root: \`echo '${user} ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/${user.replaceAll('.', '_')}\`; or log in as root (\`ssh.user: root\`)`,
    });
  }
  return failure('unreachable', host, {
    code: 'no-shell',
    summary: `${host.name} let ${destination(target)} in but ran no command: ${said.split('\n')[0] || `the login shell ended with status ${end.exitCode}`}`,
    detail: said,
    hint: `try \`ssh -p ${target.port} ${user}@${target.hostname} true\`; the account needs a shell, and its key no forced command`,
  });
}

/** What sudo said, without what the login shell printed before it. */
function sudoLines(said: string): string {
  const lines = said.split('\n').filter((line) => /^sudo:|sudoers|^Sorry, user|not allowed to/.test(line));
  return lines.filter((line) => !line.includes('unable to resolve host')).join('\n') || said;
}

function lastLines(text: string): string {
  return printable(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-8)
    .join('\n');
}
