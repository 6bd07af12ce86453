import { type Command, raw, sh } from '../base/shell.js';
import { BESIDE_FILES, FLIP_MARK } from '../render/platform.js';
import { GENERATIONS, KEPT_PATHS } from '../resources/kept.js';
import { CANDIDATE_SUFFIX } from '../resources/managed-file.js';
import { KEPT_SUFFIX } from '../resources/take-over.js';
import { TIDY_SWITCHES } from './dead-man.js';

/**
 * A standby whose keepalived was kept from starting by itself, and was never stopped: its new file was refused, or the
 * run ended right there. Under the lock nobody is about to stop it any more.
 */
export const FREE_KEEPALIVED: Command = sh`[ ! -e ${FLIP_MARK} ] || ! systemctl is-active -q keepalived || rm -f ${FLIP_MARK}`;

/** What scripts that were killed have left on a host. For whoever takes the lock, while no step runs there. */
export const TIDY_UP: Command = sh`for f in ${raw(`${GENERATIONS}/.new.*`)}; do [ ! -e "$f" ] || rm -rf "$f"; done
# One that was being removed: without its first line nobody can read the others either.
for g in ${raw(`${GENERATIONS}/[1-9]*`)}; do [ ! -d "$g" ] || [ -s "$g/run" ] || rm -rf "$g"; done
for f in ${KEPT_PATHS.flatMap((path) => [`${path}${CANDIDATE_SUFFIX}`, `${path}${KEPT_SUFFIX}`])}; do
  [ ! -e "$f" ] && [ ! -L "$f" ] || rm -f "$f"
done
for f in ${raw(`${BESIDE_FILES}*`)}; do [ ! -e "$f" ] || rm -f "$f"; done
${TIDY_SWITCHES}
${FREE_KEEPALIVED}`;
