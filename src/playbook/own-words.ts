import { pathProblem, userProblem } from '../inventory/words.js';
import {
  checkScriptPath,
  dropInPath,
  HAPROXY_CFG,
  KEEPALIVED_CONF,
  STATE_DIR,
  SYSCTL_CONF,
  takeoverScriptPath,
} from '../render/platform.js';

/** What rpm and dpkg allow in a package's name. */
export function packageProblem(name: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9+._-]*$/.test(name)
    ? undefined
    : 'must be one package\'s name: letters, digits, "+", ".", "_" and "-"';
}

/** systemd.unit(5), without glob characters: one unit by its name. */
export function unitProblem(name: string): string | undefined {
  if (name.length > 255) return 'is longer than the 255 characters that systemd allows';
  return /^[A-Za-z0-9:_@][A-Za-z0-9:_.@\\-]*$/.test(name)
    ? undefined
    : 'must be one unit\'s name: letters, digits, ":", "_", ".", "@", "\\" and "-"';
}

/** `chronyd.service` is `chronyd`; other kinds of units keep their ending. */
export function serviceName(name: string): string {
  return name.replace(/\.service$/, '');
}

export function ownerProblem(name: string): string | undefined {
  return /^\d+$/.test(name) ? 'must be a name, not a number' : userProblem(name);
}

/** Three octal digits, or four with the special bits. */
export function modeProblem(mode: string): string | undefined {
  return /^[0-7]{3,4}$/.test(mode) ? undefined : 'must be an octal mode, as in 0644';
}

/** An absolute path in its shortest form. */
export function hostPathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must be an absolute path: it is one on the host';
  if (path.length > 4000) return 'is longer than Linux allows';
  if (path.endsWith('/') || /\/(?:\.{0,2})(?:\/|$)/.test(path))
    return 'must be written without "//", "." and ".." and without a slash at its end';
  return pathProblem(path);
}

const OURS = new Map([
  [
    HAPROXY_CFG,
    'the inventory describes it: `haproxy`, or a whole file of your own with `haproxy.config_file`',
  ],
  [KEEPALIVED_CONF, 'the inventory describes it: `vrrp_instances`'],
  ...[
    SYSCTL_CONF,
    dropInPath('haproxy'),
    dropInPath('keepalived'),
    checkScriptPath('el'),
    checkScriptPath('debian'),
    takeoverScriptPath('el'),
    takeoverScriptPath('debian'),
  ].map((path) => [path, 'lbctl writes it; choose another name'] as const),
]);

/** Why a task must not manage this path; undefined where it may. */
export function ourPathHint(path: string): string | undefined {
  if (path === STATE_DIR || path.startsWith(`${STATE_DIR}/`)) return 'lbctl keeps its state there';
  return OURS.get(path);
}

export function shellProblem(lines: string): string | undefined {
  if (lines.trim() === '') return 'is empty';
  return textProblem(lines);
}

/** What no shell word and no file of text can hold. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character';
  return /\p{Surrogate}/u.test(text) ? 'holds half of a character' : undefined;
}

/** A task's name as one word, for `command:NAME`. */
export function commandName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^-+|-+$/g, '');
}
