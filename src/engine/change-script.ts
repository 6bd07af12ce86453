import { type Command, joinCommands, raw, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import type { Batch, HostWork } from '../planning/types.js';
import type { GateName } from '../playbook/model.js';
import { CHECKED, type CheckedAhead, type Facts, type Probe, type Step } from '../resources/types.js';
import type { Session } from '../transport/types.js';
import { armedScript } from './dead-man.js';
import type { Emit } from './events.js';
import { awaitsBeside, beginsBeside, besideFile, type Section } from './framing.js';
import { hostGate, hostGateLimit } from './gates.js';
import { fenceScript, whileLocked } from './lock.js';
import { probeSectionsBeside } from './observe.js';
import { armChangeScript, armedServices, CHANGE, type RevertRun } from './revert.js';

/** Seconds on top of the steps' own limits: the fence, the copies that are kept, the second look. */
const OVERHEAD = 60;

/** Milliseconds for which a check made ahead stands for one: certificates and other files that it reads may change. */
const CHECK_HOLDS = 60_000;

export interface ExecuteContext {
  readonly cluster: Cluster;
  readonly resources: readonly HostResources[];
  readonly sessions: ReadonlyMap<string, Session>;
  readonly token: string;
  /** What the hosts showed under the lock, where that is not to be asked again. */
  readonly seen?: ReadonlyMap<string, Facts>;
  /** Run once on each host, before its first change; `ahead` of its turn, perhaps. */
  readonly keep: (host: string, ahead: boolean) => Command;
  /** Run where that was done ahead, as the host's changes begin. */
  readonly begin: Command;
  /** Hosts where that is known to have been done. */
  readonly kept: Set<string>;
  /** Steps whose check has passed on their host since the lock was taken, and when: milliseconds, `Date.now()`. */
  readonly checked: Map<Step, number>;
  /** Hosts where something may have been changed: whoever goes back looks at them. */
  readonly touched: Set<string>;
  /** How a host goes back by itself when its operator is gone; null: nothing serves yet that could be broken. */
  readonly revert: RevertRun | null;
  /** Hosts whose switch was armed and has not been disarmed since. */
  readonly armed: Set<string>;
  /** What a host's switch is known to have been armed for, ahead of its turn. */
  readonly ready: Map<string, HostWork>;
  readonly emit: Emit;
  /** Told when the user interrupts: the running steps end, then nothing more begins. */
  readonly interrupted: AbortSignal;
  readonly showDiff: boolean;
  /** Seconds for one remote step; null: each step's own. */
  readonly stepLimit: number | null;
  /** Asked at the end of each host's batch, besides what was changed. */
  readonly alsoAsk: readonly Probe<unknown>[];
}

/**
 * What changes a host, and looks at it again: while what is there is copied and the switch is armed, the first file is checked
 * already.
 */
export function changeSections(
  batch: Batch,
  work: HostWork,
  gates: readonly GateName[],
  { recheck, mark }: { readonly recheck: readonly Probe<unknown>[]; readonly mark: string },
  context: ExecuteContext,
): Section[] {
  const arm = armSection(batch, work, context);
  const fence = fenceScript(context.token);
  const check = firstCheck(work);
  const isBeside = check !== null && !isChecked(check.step, context);
  return [
    // It makes sure of the lock by itself.
    ...(isBeside ? [beginsBeside(whileLocked(context.token, check.ahead.check))] : []),
    {
      id: 'fence',
      script: context.kept.has(work.host) ? joinCommands([fence, context.begin]) : fence,
      onFailure: 'stop',
      limit: OVERHEAD / 2,
    },
    ...(context.kept.has(work.host)
      ? []
      : [
          {
            id: 'keep',
            script: whileLocked(context.token, context.keep(work.host, false)),
            onFailure: 'stop',
            limit: OVERHEAD / 2,
          } as const,
        ]),
    ...(arm === null ? [] : [arm]),
    ...(isBeside ? [awaitsBeside(sh`${raw(CHECKED)}=${check.ahead.path}`)] : []),
    ...work.items.flatMap((item, index) =>
      item.steps.map(
        (step, number): Section => ({
          id: `step ${index} ${number}`,
          script: whileLocked(context.token, waiting(step, context)),
          onFailure: 'stop',
          ...(step.limit === 'none' ? {} : { limit: secondsFor(step.limit, context) }),
        }),
      ),
    ),
    ...gates.flatMap((gate): Section[] => {
      const script = hostGate(gate, context.cluster);
      return script === null ? [] : [{ id: `gate ${gate}`, script, onFailure: 'stop' }];
    }),
    ...probeSectionsBeside(recheck, besideFile(mark)),
  ];
}

/** null: nothing of it is made under the switch. */
export function armSection(
  batch: Batch,
  work: HostWork,
  { revert, token, ready }: Pick<ExecuteContext, 'revert' | 'token' | 'ready'>,
): Section | null {
  const services = revert === null ? [] : armedServices(batch, work);
  if (revert === null || services.length === 0) return null;
  const arm = whileLocked(token, armChangeScript(services, revert));
  // A host that was started anew since, or has seen to itself, has it no longer.
  const again = sh`${armedScript({ name: CHANGE, owner: revert.token })} || {
${arm}
}`;
  const script = ready.get(work.host) === work ? again : arm;
  return { id: 'arm', script, onFailure: 'stop', limit: OVERHEAD / 2 };
}

/** Of the first step alone: what comes before any other may change what its check finds. */
export function firstCheck({
  items,
}: HostWork): { readonly step: Step; readonly ahead: CheckedAhead } | null {
  const step = items[0]?.steps[0];
  return step?.ahead === undefined ? null : { step, ahead: step.ahead };
}

function isChecked(step: Step, { checked }: ExecuteContext): boolean {
  return Date.now() - (checked.get(step) ?? 0) < CHECK_HOLDS;
}

function secondsFor(limit: number, { stepLimit }: ExecuteContext): number {
  return stepLimit ?? limit;
}

/** A package manager's transaction is never ended from here; `--timeout` bounds its wait for another one. */
function waiting(step: Step, context: ExecuteContext): Command {
  const { limit, ahead } = step;
  const { stepLimit } = context;
  const script = ahead !== undefined && isChecked(step, context) ? ahead.checked : step.script;
  return limit === 'none' && stepLimit !== null
    ? sh`lbctl_wait=${stepLimit}
${script}`
    : script;
}

export function limitOf(
  work: HostWork,
  gates: readonly GateName[],
  context: ExecuteContext,
): number | 'none' {
  const { cluster } = context;
  const limits = work.items.flatMap((item) => item.steps.map((step) => step.limit));
  if (limits.includes('none')) return 'none';
  const steps = limits.reduce<number>(
    (sum, limit) => sum + (limit === 'none' ? 0 : secondsFor(limit, context)),
    0,
  );
  return OVERHEAD + steps + gates.reduce((sum, gate) => sum + hostGateLimit(gate, cluster), 0);
}
