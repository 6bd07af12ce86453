import type { Host } from '../inventory/model.js';
import type { ConfigAnswer, ConfigLookup } from './config-lookup.js';
import { errorText, failure } from './failures.js';
import { type JumpSpec, parseJumps } from './jump-hosts.js';
import { proxyCommand, type Route, type Target, targetOf } from './target.js';
import type { Trace } from './trace.js';
import type { TransportError } from './types.js';

export interface RouteDeps {
  readonly localUser: string;
  readonly homeDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: ConfigLookup;
  readonly trace: Trace;
}

/** More jumps than anybody has: a ProxyJump that leads back to itself. */
const MAX_JUMPS = 8;

/** How a host is reached, with everything configured about it and about the hosts on the way. @throws TransportError */
export async function resolveTarget(deps: RouteDeps, host: Host): Promise<Target> {
  const { ssh } = host;
  const answer = await ask(deps, host, {
    name: ssh.hostname,
    user: ssh.user,
    port: ssh.port,
    alias: ssh.hostname === host.address ? host.name : null,
  });
  tell(deps, host, answer, null);
  const jumps = ssh.proxyJump === null ? null : parse(host, ssh.proxyJump, '`ssh.proxy_jump`');
  const via = jumps === null ? null : await throughAll(deps, host, jumps, 0);
  return build(
    deps,
    host,
    answer,
    jumps === null ? await configuredRoute(deps, host, answer, 0) : directOr(via),
    null,
  );
}

/** The last of some jump hosts; the first one is reached as its own configuration says. */
async function throughAll(
  deps: RouteDeps,
  host: Host,
  jumps: readonly JumpSpec[],
  depth: number,
): Promise<Target | null> {
  if (depth + jumps.length > MAX_JUMPS) throw tooMany(host);
  let via: Target | null = null;
  for (const [index, jump] of jumps.entries()) {
    const answer = await ask(deps, host, {
      name: jump.hostname,
      user: jump.user,
      port: jump.port,
      alias: null,
    });
    tell(deps, host, answer, jump);
    const route =
      index > 0 ? directOr(via) : await configuredRoute(deps, host, answer, depth + jumps.length, jump);
    via = build(deps, host, answer, route, jump);
  }
  return via;
}

type PlannedRoute = Route | { readonly kind: 'template'; readonly command: string };

async function configuredRoute(
  deps: RouteDeps,
  host: Host,
  { config }: ConfigAnswer,
  depth: number,
  self: JumpSpec | null = null,
): Promise<PlannedRoute> {
  if (config.proxyCommand !== null) return { kind: 'template', command: config.proxyCommand };
  if (config.proxyJump === null) return { kind: 'direct' };
  const jumps = parse(host, config.proxyJump, 'ProxyJump in the ssh configuration');
  // `Host *` with a ProxyJump means the jump host, too: ssh does not go through it to reach it.
  if (self !== null && jumps.some((jump) => jump.hostname.toLowerCase() === self.hostname.toLowerCase()))
    return { kind: 'direct' };
  return directOr(await throughAll(deps, host, jumps, depth));
}

function directOr(via: Target | null): Route {
  return via === null ? { kind: 'direct' } : { kind: 'jump', via };
}

function build(
  deps: RouteDeps,
  host: Host,
  answer: ConfigAnswer,
  planned: PlannedRoute,
  jump: JumpSpec | null,
): Target {
  return targetOf(host, deps.localUser, {
    homeDir: deps.homeDir,
    env: deps.env,
    askedName: answer.name,
    config: answer.config,
    jump,
    route: (tokens) =>
      planned.kind === 'template'
        ? { kind: 'command', command: proxyCommand(planned.command, tokens) }
        : planned,
  });
}

async function ask(
  deps: RouteDeps,
  host: Host,
  question: Parameters<ConfigLookup['answer']>[0],
): Promise<ConfigAnswer> {
  try {
    return await deps.config.answer(question);
  } catch (error) {
    throw failure('unreachable', host, {
      code: 'ssh-config',
      summary: `the ssh configuration for ${question.name} cannot be used: ${errorText(error)}`,
      hint: `see what ssh makes of it: \`ssh -G ${question.name}\``,
    });
  }
}

function tell(
  { trace }: RouteDeps,
  host: Host,
  { name, sources }: ConfigAnswer,
  jump: JumpSpec | null,
): void {
  const { ssh } = host;
  const own: Record<string, unknown> = {
    User: (jump ?? ssh).user,
    Port: (jump ?? ssh).port,
    IdentityFile: jump === null ? ssh.identityFile : null,
    UserKnownHostsFile: ssh.knownHostsFile,
    StrictHostKeyChecking: ssh.strictHostKeyChecking,
    ProxyJump: jump === null ? ssh.proxyJump : null,
    ProxyCommand: jump === null ? ssh.proxyJump : null,
    ConnectTimeout: ssh.connectTimeout,
  };
  const used = sources.filter(({ keyword }) => (own[keyword] ?? null) === null);
  // A jump host's user and port may be those of a ProxyJump; what is in its place is no value.
  const unnamed = jump === null ? ['ProxyCommand'] : ['User', 'Port'];
  const given = Object.entries(own).flatMap(([keyword, value]) =>
    value === null || unnamed.includes(keyword)
      ? []
      : [{ keyword, value: String(value), place: host.source.file }],
  );
  const settings = [...given, ...used];
  if (settings.length === 0) return;
  trace({ type: 'settings', host: `${host.cluster}/${host.name}`, name, settings });
}

function parse(host: Host, text: string, where: string): readonly JumpSpec[] {
  const jumps = parseJumps(text);
  if (jumps !== null) return jumps;
  throw failure('unreachable', host, {
    code: 'bad-proxy-jump',
    summary: `${where} of ${host.name} is no list of jump hosts: ${text}`,
    hint: 'write it as `user@bastion:port`, several with commas',
  });
}

function tooMany(host: Host): TransportError {
  return failure('unreachable', host, {
    code: 'bad-proxy-jump',
    summary: `there are more than ${MAX_JUMPS} jump hosts on the way to ${host.name}`,
    hint: 'does a ProxyJump in the ssh configuration lead back to itself? (`ssh -G` shows it)',
  });
}
