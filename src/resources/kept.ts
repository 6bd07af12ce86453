import { atTheEnd, type Command, raw, sh } from '../base/shell.js';
import {
  checkScriptPath,
  dropInPath,
  HAPROXY_CFG,
  KEEPALIVED_CONF,
  STATE_DIR,
  SYSCTL_CONF,
  takeoverScriptPath,
} from '../render/platform.js';
import type { Step } from './types.js';

/** Where the generations of a host are, each in a folder with its number. */
export const GENERATIONS = `${STATE_DIR}/generations`;

/** What the cluster was when a host was changed last: without secrets, written with every generation. */
export const MODEL = `${STATE_DIR}/model.json`;

/** Where firewalld keeps the zones that differ from its own; generation 0 has a copy of it. */
export const FIREWALLD_ZONES = '/etc/firewalld/zones';

export const SELINUX_CONFIG = '/etc/selinux/config';

/** Files of each part of a host that a run may replace. */
export const KEPT = {
  haproxy: [takeoverScriptPath('el'), takeoverScriptPath('debian'), dropInPath('haproxy'), HAPROXY_CFG],
  keepalived: [checkScriptPath('el'), checkScriptPath('debian'), dropInPath('keepalived'), KEEPALIVED_CONF],
  system: [SYSCTL_CONF, SELINUX_CONFIG, `${STATE_DIR}/members.json`, MODEL],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Every file that a run may replace. */
export const KEPT_PATHS: readonly string[] = Object.values(KEPT).flat();

/** Seconds for putting one file back, its validation included. */
const LIMIT = 60;

/** Shell function `same FILE FILE`, of their bytes. cmp(1) would need diffutils, which a bare host may lack. */
export const SAME: Command = raw(
  'same() { { sum=$(sha256sum <"$1") && [ "$sum" = "$(sha256sum <"$2")" ]; } 2>/dev/null; }',
);

/**
 * Shell functions `put_back FOLDER PATH` and `take_away PATH`. A file comes back whole, beside the one that is there,
 * then by a rename; it is dated now, so that a process that did not read it again is noticed.
 */
export const PUT_BACK: Command = sh`put_back() {
  candidate=$2.lbctl-new
  if [ -d "$2" ] && [ ! -L "$2" ]; then echo "$2 is a directory" >&2; return 1; fi
  rm -f "$candidate"
  mkdir -p "\${2%/*}" && cp -a "$1/files$2" "$candidate" && touch -h "$candidate" && check && sync "$candidate" && mv -f "$candidate" "$2" || { rm -f "$candidate"; return 1; }
  if command -v restorecon >/dev/null; then restorecon "$2"; fi
}
take_away() {
  rm -f "$1"
  case $1 in */*.service.d/lbctl.conf) rmdir "\${1%/*}" 2>/dev/null ;; esac
  return 0
}
check() { :; }`;

/** Puts one kept file back after `validate` has accepted `$candidate`. */
export function putBackStep(folder: string, path: string, validate?: Command): Step {
  return {
    title: `put ${path} back`,
    limit: LIMIT,
    script: sh`${PUT_BACK}
${
  validate === undefined
    ? sh``
    : sh`check() (
${validate}
)`
}
${atTheEnd(sh`rm -f "$candidate"`)}
candidate=
put_back ${folder} ${path}`,
  };
}

/** Takes a file away that was not there. */
export function takeAwayStep(path: string): Step {
  return {
    title: `take ${path} away`,
    limit: LIMIT,
    script: sh`${PUT_BACK}
take_away ${path}`,
  };
}
