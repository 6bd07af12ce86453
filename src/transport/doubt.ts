import type { Diagnostic } from '../base/diagnostic.js';
import type { Passwords } from './become.js';
import { failure } from './failures.js';
import type { Target } from './target.js';

/** What was odd about the key of the host that the last connection leads to; null: nothing. */
export interface Doubt {
  warning: Diagnostic | null;
}

/**
 * Strict checking that is switched off lets lbctl work on a host whose key has changed; it does not say that whoever answers
 * there may learn a password. As with the passwords of a login, which OpenSSH withholds then.
 */
export function passwordsUnlessInDoubt(target: Target, passwords: Passwords, doubt: Doubt): Passwords {
  return {
    of: async (ref) => {
      if (doubt.warning === null) return passwords.of(ref);
      const { host, name, user } = target;
      throw failure('privileges', host, {
        code: 'become-password-withheld',
        summary: `sudo on ${name} wants the password of ${user}, which is not sent: the host key is not the one that is known`,
        detail: doubt.warning.detail,
        hint: doubt.warning.hint,
      });
    },
  };
}
