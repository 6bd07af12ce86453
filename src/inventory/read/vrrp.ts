import type { SourceSpan } from '../../base/diagnostic.js';
import { KEYS } from '../keys.js';
import { ADVERT_INT, DEFAULT, RANGE } from '../limits.js';
import type { Host, SecretRef, VirtualAddress, VrrpInstance } from '../model.js';
import { suggestion } from '../suggest.js';
import { authPassProblem, interfaceProblem } from '../words.js';
import type { Entry } from '../yaml/tree.js';
import { readVirtualAddress } from './addresses.js';
import type { Context, Located } from './context.js';
import { Fields, readList, readNamed } from './fields.js';
import { readDecimal, readInteger } from './scalars.js';
import { isWrittenOut, readSecretRef } from './secret-ref.js';

export function readVrrpInstances(
  ctx: Context,
  owner: Fields,
  cluster: string,
  hosts: readonly Host[],
): VrrpInstance[] {
  const hint = 'with at least one virtual address';
  const entry = owner.required('vrrp_instances', `the cluster "${cluster}"`, hint);
  if (entry === undefined) return [];
  if (entry.value.kind === 'map' && entry.value.entries.size === 0) {
    ctx.problems.error(entry.keySpan, 'missing-key', `the cluster "${cluster}" needs a VRRP instance`, hint);
  }
  return readNamed(ctx, entry).map((instance) => readInstance(ctx, instance, hosts));
}

/** A wrong router id or priority stands as 0, a wrong virtual address is left out: the checks pass over them. */
function readInstance(ctx: Context, entry: Entry, hosts: readonly Host[]): VrrpInstance {
  const { key: name, keySpan: source } = entry;
  const fields = Fields.open(ctx, entry, KEYS.vrrpInstance) ?? undefined;
  const routerId = fields?.integer('virtual_router_id', RANGE.virtualRouterId);
  const advertInt = readAdvertInt(ctx, fields);
  const virtualIpaddress = fields === undefined ? [] : readVirtualAddresses(ctx, fields, name);
  const authPass = fields && readAuthPass(ctx, fields);
  const preempt = fields?.boolean('preempt');
  const preemptDelay = fields?.integer('preempt_delay', RANGE.preemptDelay);
  const unicast = fields?.boolean('unicast');
  const link = fields?.text('interface', interfaceProblem);
  const { priority, spans } = readPriority(ctx, fields, hosts);
  const seconds = advertInt?.value ?? 1;
  const instance: VrrpInstance = {
    name,
    interface: link?.value ?? null,
    virtualRouterId: routerId?.value ?? (fields?.given('virtual_router_id') ? 0 : DEFAULT.virtualRouterId),
    advertInt: seconds,
    version: seconds < 1 || virtualIpaddress.some(({ family }) => family === 6) ? 3 : 2,
    authPass: authPass ?? null,
    preempt: preempt?.value ?? true,
    preemptDelay: preemptDelay?.value ?? 0,
    unicast: unicast?.value ?? false,
    priority,
    virtualIpaddress,
    source,
  };
  const { places } = ctx;
  // Set for a wrong value too: it was given, so nothing asks for it again.
  if (fields?.given('virtual_router_id')) places.set(instance, 'virtualRouterId', routerId?.span ?? source);
  places.set(instance, 'advertInt', advertInt?.span);
  places.set(instance, 'authPass', authPass && fields?.entry('auth_pass')?.keySpan);
  places.set(instance, 'preempt', preempt?.span);
  places.set(instance, 'preemptDelay', preemptDelay?.span);
  places.set(instance, 'unicast', unicast?.span);
  places.set(instance, 'priority', fields?.entry('priority')?.keySpan);
  for (const [host, span] of spans) places.set(instance, `priority.${host}`, span);
  return instance;
}

function readVirtualAddresses(ctx: Context, fields: Fields, name: string): VirtualAddress[] {
  const hint = 'as in virtual_ipaddress: [192.168.64.200/24]';
  const entry = fields.required('virtual_ipaddress', `the VRRP instance "${name}"`, hint);
  const list = entry && readList(ctx, entry);
  if (entry === undefined || list === undefined) return [];
  if (list.items.length === 0) {
    const message = `the VRRP instance "${name}" needs at least one virtual address`;
    ctx.problems.error(entry.keySpan, 'missing-key', message, hint);
  }
  return list.items.flatMap((item) => {
    const found = readVirtualAddress(ctx, item);
    if (found === undefined) return [];
    const { family, text, prefix } = found.value;
    return [{ address: text, family, prefix, source: found.span }];
  });
}

/** Below 1 second hundredths, for VRRP version 3; from 1 on whole seconds, for version 2. */
function readAdvertInt(ctx: Context, fields: Fields | undefined): Located<number> | undefined {
  const entry = fields?.entry('advert_int');
  const found = entry && readDecimal(ctx, entry.value, 'advert_int');
  if (found === undefined) return undefined;
  const { value, span } = found;
  const fail = (summary: string, hint?: string): undefined => {
    ctx.problems.error(span, 'bad-advert-int', summary, hint);
    return undefined;
  };
  if (value < 1) {
    const hundredths = value / ADVERT_INT.v3Step;
    if (value >= ADVERT_INT.v3Step && Math.abs(hundredths - Math.round(hundredths)) < 1e-6) return found;
    return fail('"advert_int" below 1 second must be a multiple of 0.01, and at least 0.01');
  }
  if (value > ADVERT_INT.v2Max) return fail(`"advert_int" must be at most ${ADVERT_INT.v2Max} seconds`);
  if (Number.isInteger(value)) return found;
  const message = '"advert_int" from 1 second up must be a whole number: VRRP version 2 counts whole seconds';
  return fail(message, `write ${Math.floor(value)} or ${Math.ceil(value)}, or less than 1 for version 3`);
}

function readAuthPass(ctx: Context, fields: Fields): SecretRef | undefined {
  const entry = fields.entry('auth_pass');
  const ref = entry && readSecretRef(ctx, entry);
  if (entry === undefined || ref === undefined) return undefined;
  if (ref.kind === 'prompt') {
    const hint = 'use {env: NAME}, {file: PATH} or {command: "…"}';
    ctx.problems.error(entry.keySpan, 'bad-secret', '"auth_pass" cannot be asked for', hint);
    return undefined;
  }
  if (ref.kind !== 'literal') return ref;
  const problem = authPassProblem(ref.value.reveal());
  if (problem !== undefined) {
    ctx.problems.error(entry.keySpan, 'bad-auth-pass', `"auth_pass" ${problem}`);
    return undefined;
  }
  if (isWrittenOut(entry)) {
    const hint = 'use {env: NAME}, {file: PATH} or {command: "…"}';
    ctx.problems.warn(
      entry.keySpan,
      'literal-secret',
      'the password is in the inventory, for all who can read it',
      hint,
    );
  }
  return ref;
}

interface Priorities {
  readonly priority: Record<string, number>;
  readonly spans: ReadonlyMap<string, SourceSpan>;
}

/** 250 for the first host, 10 less for each next; hosts that the map names get what it says. */
function readPriority(ctx: Context, fields: Fields | undefined, hosts: readonly Host[]): Priorities {
  const { firstPriority, priorityStep } = DEFAULT;
  const values = new Map(hosts.map(({ name }, index) => [name, firstPriority - priorityStep * index]));
  const spans = new Map<string, SourceSpan>();
  for (const { key, keySpan, value } of fields?.named('priority') ?? []) {
    const number = readInteger(ctx, value, `priority of ${key}`, RANGE.priority);
    if (values.has(key)) {
      values.set(key, number?.value ?? 0);
      spans.set(key, number?.span ?? value.span);
    } else {
      const hint = suggestion(key, values.keys(), 'hosts');
      ctx.problems.error(keySpan, 'unknown-host', `"${key}" is not a host of this cluster`, hint);
    }
  }
  return { priority: Object.fromEntries(values), spans };
}
