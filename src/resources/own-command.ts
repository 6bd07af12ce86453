import type { Diagnostic } from '../base/diagnostic.js';
import { err, ok } from '../base/result.js';
import { type Command, sh } from '../base/shell.js';
import { markSecrets } from './diff.js';
import type { About, OwnCommand } from './own-task.js';
import { existsProbe } from './probes/hash.js';
import { NOTHING, type Probe, planned, type Resource, refused } from './types.js';

/** Seconds for `unless`: it is asked at every plan. */
const UNLESS_LIMIT = 20;

/**
 * A shell of its own for an operator's lines. They come through a pipe: in an argument list everybody on the host
 * could read them, and a mistake in them must not end the script around. Whoever ends that script ends them, too.
 */
function shell(lines: string, limit: number): Command {
  return sh`printf %s ${markSecrets(lines)} | {
  exec 3<&0 </dev/null
  timeout -k 5 ${limit} sh -e /dev/fd/3 &
  job=$!
  trap 'kill "$job"' TERM
  wait "$job"
}`;
}

/** Whether there is nothing to do. Any end but success means that there is; being cut short means unknown. */
function unlessProbe(command: OwnCommand, unless: string): Probe<boolean> {
  return {
    key: `unless:${command.name}`,
    script: sh`( ${shell(unless, UNLESS_LIMIT)} ) >/dev/null
echo "ended $?"`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(stderr.trim());
      const ended = Number(/^ended (\d+)$/m.exec(stdout)?.[1] ?? Number.NaN);
      if (ended === 124) return err(`its \`unless\` did not end within ${UNLESS_LIMIT} s`);
      if (Number.isNaN(ended) || ended > 127)
        return err(`its \`unless\` was ended by a signal: ${stderr.trim()}`);
      return ok(ended === 0);
    },
  };
}

/** What the host's shell says of lines that are no shell at all; null where they are. */
function syntaxProbe({ name, run, unless }: OwnCommand): Probe<string | null> {
  return {
    key: `syntax:${name}`,
    script: sh`printf %s ${markSecrets(run)} | sh -n || exit 2
printf %s ${markSecrets(unless ?? ':')} | sh -n || exit 2`,
    parse: ({ stderr, exitCode }) => ok(exitCode === 0 ? null : stderr.trim()),
  };
}

/** Lines of shell that run until what they are for is there. */
export function ownCommandResource(command: OwnCommand, { id, title }: About): Resource {
  const { run, creates, unless, timeout } = command;
  const exists = creates === null ? null : existsProbe(creates);
  const holds = unless === null ? null : unlessProbe(command, unless);
  const syntax = syntaxProbe(command);
  const probes = [syntax, ...(exists === null ? [] : [exists]), ...(holds === null ? [] : [holds])];
  return {
    id,
    probes,
    plan(facts) {
      const wrong = facts.need(syntax);
      if (wrong !== null) return refused(notShell(id, wrong));
      if (exists !== null && facts.need(exists)) return NOTHING;
      if (holds !== null && facts.need(holds)) return NOTHING;
      return planned({
        resource: id,
        title,
        verb: exists === null ? 'update' : 'create',
        reason: exists === null ? 'its `unless` does not hold' : `${creates} does not exist`,
        steps: [
          {
            title,
            script: sh`( ${shell(run, timeout)} )
c=$?
[ "$c" != 124 ] || echo ${`it did not end within ${timeout} s`} >&2
exit "$c"`,
            limit: timeout + 10,
            leavesProcesses: true,
          },
        ],
      });
    },
  };
}

function notShell(resource: string, said: string): Diagnostic {
  return {
    severity: 'error',
    code: 'bad-shell',
    summary: `${resource}: the host's shell cannot read its lines`,
    detail: said,
    hint: 'they are for sh(1), not for bash: `[ ]` instead of `[[ ]]`, no arrays',
    resource,
  };
}
