import { type Command, sh } from '../../base/shell.js';
import { type Session, TransportError } from '../../transport/types.js';
import { armScript, disarmScript, UNDONE_EXIT } from '../dead-man.js';
import { fenceScript } from '../lock.js';
import { now } from './clock.js';
import { type DrillContext, type FaultInput, switchSeconds } from './context.js';

/** The name of the dead man's switch on the host. */
const SWITCH = 'drill';

export interface Making {
  /** When the fault took effect, by our clock; null until then. */
  at: number | null;
  /** Why it could not be made; undefined while that is not known. */
  error: string | null | undefined;
  readonly ended: Promise<string | null>;
}

/** Arms the undo on the host, and then breaks it. */
export function make(
  { token, cluster, watch }: DrillContext,
  { fault, host }: FaultInput,
  session: Session,
): Making {
  const { offset } = watch.clocks.get(host) ?? { offset: 0 };
  const arm = armScript({ name: SWITCH, owner: token, seconds: switchSeconds(cluster), undo: fault.undo });
  const script: Command = sh`( ${fenceScript(token)}
) || exit $?
( ${arm}
) || exit 1
date +%s.%N
${fault.make}`;
  const making: { -readonly [Key in keyof Making]: Making[Key] } = {
    at: null,
    error: undefined,
    ended: Promise.resolve(null),
  };
  const onLine = (line: string): void => {
    if (/^\d+\.\d+$/.test(line)) making.at ??= Number(line) * 1000 - offset + (fault.delayMs ?? 0);
  };
  making.ended = session.run(script, { limit: 60, onLine }).then(
    ({ exitCode, stderr, timedOut }) => {
      const why = timedOut ? 'it did not end within 60 s' : `exit code ${exitCode}: ${stderr.trim()}`;
      making.error = exitCode === 0 ? null : `it could not be made on ${host}: ${why}`;
      return making.error;
    },
    (error: unknown) => {
      if (!(error instanceof TransportError)) throw error;
      // A cut may take the answer with it; whether it was made shows in what the hosts saw.
      making.error = making.at === null ? error.diagnostic.summary : null;
      return making.error;
    },
  );
  return making;
}

export interface Undone {
  /** When it began, by our clock. */
  readonly at: number;
  readonly error: string | null;
  /** Seconds more to wait for the pair: the host may still have to undo by itself. */
  readonly patience: number;
}

/** What is undone twice is undone once; so the switch is taken away only after that. */
export async function undo(
  { token, cluster, watch }: DrillContext,
  { fault, host }: FaultInput,
  session: Session,
): Promise<Undone> {
  const script = sh`date +%s.%N
( ${fault.undo}
) || exit $?
( ${disarmScript({ name: SWITCH, owner: token })}
)
c=$?
[ "$c" = ${UNDONE_EXIT} ] || exit "$c"`;
  const { offset } = watch.clocks.get(host) ?? { offset: 0 };
  const byItself = switchSeconds(cluster);
  const deadline = now() + byItself * 1000;
  for (;;) {
    const asked = now();
    try {
      const { exitCode, stdout, stderr } = await session.run(script, { limit: 60, repeatable: true });
      const at = Number(/^\d+\.\d+$/m.exec(stdout)?.[0]) * 1000 - offset || asked;
      if (exitCode === 0) return { at, error: null, patience: 0 };
      const error = `undoing it on ${host} failed (exit code ${exitCode}): ${stderr.trim()}; the host tries it by itself once more, ${byItself} s after the fault was armed`;
      return { at, error, patience: byItself };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        continue;
      }
      const why = `${error.diagnostic.summary}; the host undoes it by itself, ${byItself} s after the fault was armed`;
      return { at: asked, error: why, patience: 10 };
    }
  }
}
