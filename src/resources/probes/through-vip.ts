import { ok } from '../../base/result.js';
import { type Command, joinCommands, raw, sh } from '../../base/shell.js';
import type { Cluster } from '../../inventory/model.js';
import { askableBy, reachedAt, servernameOf, statsPlaces, virtualAddresses } from '../../render/binds.js';
import { SERVER_HEADER } from '../../render/haproxy.js';
import type { Probe } from '../types.js';
import { unitProperties } from './units.js';

/** Something that must answer on a virtual address. */
export interface Target {
  readonly frontend: string;
  /** `auto`: whatever HAProxy listens on, asked for HTTP, a connection being enough. */
  readonly kind: 'http' | 'https' | 'tcp' | 'auto';
  readonly address: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly path: string;
  /** Requests to send one after the other: enough to meet every server in turn. */
  readonly tries: number;
}

export interface Answer {
  readonly target: Target;
  /** Of an HTTP target; null where none came. */
  readonly status: number | null;
  /** `backend/server`; null where HAProxy itself answered, or did not say. */
  readonly server: string | null;
  readonly connected: boolean;
}

const MOST_TRIES = 8;

/** What the verification asks: `verify.url`, or every frontend on every virtual address. */
export function verifyTargets(cluster: Cluster): Target[] {
  const vips = virtualAddresses(cluster).map((vip) => vip.address);
  const frontends = cluster.haproxy.frontends.flatMap((frontend) => {
    const servers = cluster.haproxy.backends.find((it) => it.name === frontend.defaultBackend)?.servers;
    return frontend.bind.flatMap((bind) => {
      const kind = askableBy(null, { frontend, bind, cluster });
      const tries = kind === 'tcp' ? 1 : Math.min(MOST_TRIES, 2 * Math.max(1, servers?.length ?? 1));
      const how = { frontend: frontend.name, kind, port: bind.port, path: '/', tries };
      return reachedAt(bind, cluster).map(
        (address): Target => ({ ...how, address, hostHeader: inUrl(address) }),
      );
    });
  });
  const statistics = statsPlaces(cluster).map(
    ({ address, port }): Target => ({
      ...{ frontend: 'stats', kind: 'tcp', address, port },
      ...{ hostHeader: inUrl(address), path: '/', tries: 1 },
    }),
  );
  const ownConfig = cluster.haproxy.configFile === null ? [] : vips.map(autoTarget);
  if (cluster.verify.url === null) return [...frontends, ...statistics, ...ownConfig];
  const others = [...frontends, ...statistics].filter((target) => target.kind === 'tcp');
  return [...others, urlTarget(cluster.verify.url, cluster)];
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** One for each virtual address: its ports are those that the running HAProxy listens on. */
function autoTarget(address: string): Target {
  return {
    frontend: 'config_file',
    kind: 'auto',
    address,
    port: 0,
    hostHeader: inUrl(address),
    path: '/',
    tries: 2,
  };
}

/** A URL's name need not resolve yet: it is asked of the virtual address, with the name as the Host header. */
function urlTarget(url: string, cluster: Cluster): Target {
  const vips = virtualAddresses(cluster).map((vip) => vip.address);
  const parsed = new URL(url);
  const scheme = parsed.protocol === 'https:' ? 'https' : 'http';
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '');
  const address = vips.includes(hostname) ? hostname : (vips[0] ?? hostname);
  const port = parsed.port === '' ? (scheme === 'https' ? 443 : 80) : Number(parsed.port);
  const servername = servernameOf(parsed.hostname);
  const closed = cluster.haproxy.frontends.some((frontend) =>
    frontend.bind.some(
      (bind) =>
        bind.port === port &&
        reachedAt(bind, cluster).includes(address) &&
        askableBy(servername, { frontend, bind, cluster }) === 'tcp',
    ),
  );
  return {
    frontend: url,
    kind: closed ? 'tcp' : scheme,
    address,
    port,
    hostHeader: parsed.host,
    path: parsed.pathname + parsed.search,
    tries: 2,
  };
}

/**
 * Asks each target from this host, unless this host holds the address: what the holder reaches without the
 * network proves nothing. bash's /dev/tcp asks, since bare hosts have no curl; TLS needs openssl, and where
 * there is none only the connection is tried.
 */
export function throughVipProbe(targets: readonly Target[]): Probe<readonly Answer[]> {
  return {
    key: 'through-vip',
    asksUnit: 'keepalived',
    late: true,
    script: joinCommands([sh`header=${SERVER_HEADER}`, FUNCTIONS, ...targets.map(askCommand), raw('wait')]),
    parse({ stdout }) {
      const answers: Answer[] = [];
      for (const line of stdout.split('\n')) {
        const [asked = '', connected, statusLine = '', server = ''] = line.split('|');
        const [index = '', port] = asked.split(':');
        const known = targets[Number(index)];
        const target = known !== undefined && port !== undefined ? { ...known, port: Number(port) } : known;
        if (index === '' || target === undefined || (connected !== 'yes' && connected !== 'no')) continue;
        const status = /^HTTP\/\d(?:\.\d)? (\d{3})/.exec(statusLine)?.[1];
        answers.push({
          target,
          connected: connected === 'yes',
          status: status === undefined ? null : Number(status),
          server: server === '' ? null : server,
        });
      }
      return ok(answers);
    },
  };
}

function askCommand(target: Target, index: number): Command {
  return sh`ask ${index} ${target.kind} ${target.address} ${target.port} ${target.hostHeader} ${target.path} ${target.tries} ${servernameOf(target.hostHeader) ?? ''} &`;
}

/*
 * A request is written by cat: bash's own printf writes line by line, and each line after the first would wait 40 ms
 * for the other side's delayed acknowledgement. All targets, and all tries at a plain HTTP target, are under way at the
 * same time. bash waits 3 s and more for an address that nobody holds; one without a connection is enough where the
 * kernel's neighbour table has nobody confirmed for it. Who is there and slow is asked once more, with the time that it may take.
 */
const FUNCTIONS: Command = sh`${unitProperties('keepalived')} 2>/dev/null
case $unit in *ActiveState=active*) running=active ;; *) running= ;; esac
http_ask() {
  timeout -k 1 3 bash -c 'exec 2>/dev/null; exec 3<>"/dev/tcp/$0/$1" || exit 7
printf "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lbctl\r\nConnection: close\r\n\r\n" "$3" "$2" | cat >&3
cat <&3' "$1" "$2" "$3" "$4"
}
http_tries() {
  timeout -k 1 "$7" bash -c 'exec 2>/dev/null
printf -v request "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lbctl\r\nConnection: close\r\n\r" "$4" "$3"
printf -v cr "\r"
shopt -s nocasematch
fds=()
for ((n = 0; n < $5; n++)); do
  exec {fd}<>"/dev/tcp/$1/$2" || { echo "$0|no||"; exit 0; }
  [ $n != 0 ] || echo connected
  cat >&$fd <<<"$request"
  fds+=("$fd")
done
for fd in "\${fds[@]}"; do
  up=no head= server=
  while IFS= read -r -t 3 line <&$fd; do
    line=\${line%"$cr"}
    line=\${line//|/}
    case $line in
      "") break ;;
      HTTP/*) [ "$head" ] || { up=yes; head=$line; } ;;
      "$6":*) [ "$server" ] || { server=\${line#*:}; server=\${server# }; } ;;
    esac
    [ "$head" ] || break
  done
  echo "$0|$up|$head|$server"
  [ "$up" = yes ] || exit 0
done' "$1" "$2" "$3" "$4" "$5" "$6" "$header"
}
nobody() { case $(ip neigh show to "$1") in ''|*REACHABLE*|*PERMANENT*|*NOARP*) return 1 ;; esac; }
http_soon() {
  said=$(http_tries "$@" 1) || {
    case $said in connected*) more=6 ;; *) more=2 ;; esac
    if [ $more = 2 ] && nobody "$2"; then said="$1|no||"; else said=$(http_tries "$@" $more) || said="$said
$1|no||"; fi
  }
  echo "$said"
}
https_ask() {
  case $1 in *:*) to="[$1]:$2" ;; *) to="$1:$2" ;; esac
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lbctl\r\nConnection: close\r\n\r\n' "$4" "$3" |
    timeout -k 1 3 openssl s_client -quiet -connect "$to" \${5:+-servername "$5"} 2>&1
}
tcp_ask() { timeout -k 1 3 bash -c 'exec 2>/dev/null; exec 3<>"/dev/tcp/$0/$1" || exit 7' "$1" "$2"; }
# Who has got it meanwhile is not to ask itself.
held() {
  case \${asked_network:-} in *'"local":"'"$1"'"'*) return 0 ;; esac
  [ -n "$(ip -o addr show to "$1")" ]
}
ask() {
  [ "$running" = active ] || return 0
  ! held "$3" || return 0
  kind=$2
  if [ "$kind" = auto ]; then
    ss -Hltnp | awk -v vip="$3" '/\("haproxy"/ {
      at = match($4, /:[0-9]+$/); address = substr($4, 1, at - 1); gsub(/[\[\]]/, "", address); sub(/%.*/, "", address)
      if (address == vip || address == "0.0.0.0" || address == "*" || address == "::") print substr($4, at + 1)
    }' | sort -un | while read -r port; do
      if ! tcp_ask "$3" "$port"; then echo "$1:$port|no||"; continue; fi
      head=$(http_ask "$3" "$port" "$5" "$6" | tr -d '\r\000|' | sed -n '1{/^HTTP/p;q;}')
      echo "$1:$port|yes|$head|"
    done
    return 0
  fi
  [ "$kind" != https ] || command -v openssl >/dev/null || kind=tcp
  if [ "$kind" = tcp ]; then
    if tcp_ask "$3" "$4"; then echo "$1|yes||"; else echo "$1|no||"; fi
    return 0
  fi
  if [ "$kind" = http ]; then http_soon "$1" "$3" "$4" "$5" "$6" "$7"; return 0; fi
  n=0
  while [ "$n" -lt "$7" ]; do
    n=$((n + 1))
    answer=$(https_ask "$3" "$4" "$5" "$6" "$8" | tr -d '\r\000|' | sed -n '/^HTTP\//,/^$/p;/SSL alert number/p')
    head=$(printf '%s\n' "$answer" | sed -n '/^HTTP\//{p;q;}')
    server=$(printf '%s\n' "$answer" | sed -n "s/^$header: *//Ip" | head -n 1)
    # 112 and 116: HAProxy wants to be called by another name, or to see a certificate, as a crt-list may say.
    case $head$answer in HTTP/*|*'alert number 112'*|*'alert number 116'*) up=yes ;; *) up=no ;; esac
    echo "$1|$up|$head|$server"
    [ "$up" = yes ] || break
  done
}`;
