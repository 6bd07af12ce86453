/** One host of a ProxyJump. Null: as ssh would. */
export interface JumpSpec {
  readonly hostname: string;
  readonly user: string | null;
  readonly port: number | null;
}

/** `user@host:port,…` as in ProxyJump and ssh's -J; `none` is an empty list. Null when it is no such thing. */
export function parseJumps(text: string): readonly JumpSpec[] | null {
  if (text.trim().toLowerCase() === 'none') return [];
  const jumps = text.split(',').map((part) => parseJump(part.trim()));
  return jumps.every((jump) => jump !== null) ? jumps : null;
}

function parseJump(text: string): JumpSpec | null {
  const bare = text.replace(/^ssh:\/\//, '').replace(/\/$/, '');
  const parts =
    /^(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^:@\s[\]]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*))(?::(\d{1,5}))?$/.exec(
      bare,
    );
  const hostname = parts?.[2] ?? parts?.[3];
  if (hostname === undefined || hostname.startsWith('-') || parts?.[1]?.startsWith('-')) return null;
  const port = parts?.[4] === undefined ? null : Number(parts[4]);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { hostname, user: parts?.[1] ?? null, port };
}
