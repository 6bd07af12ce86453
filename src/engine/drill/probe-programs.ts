/**
 * Client loops for a host that is not ours. Each prints `ready NAME`, then a line a request when that ended:
 * `START END ok|failed WHY`, times in milliseconds since the epoch. Arguments: kind, address, port, request, rate,
 * time limit in seconds, wanted status (0: any but 502, 503, 504).
 */
export const PYTHON_PROGRAM = `
import asyncio, os, ssl, sys, time
kind, host, port, request, rate, limit, wanted = sys.argv[1:8]
port, limit, wanted, interval = int(port), float(limit), int(wanted), 1 / float(rate)
request = request.encode()
origin = time.monotonic()
zero = time.time() - origin
context = name = None
if kind == "https":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    name = request.partition(b"\\r\\nHost: ")[2].partition(b"\\r\\n")[0].decode()
    name = host if name.startswith("[") else name.partition(":")[0] or host

def problem(data):
    if not data: return "closed without an answer"
    head, found, body = data.partition(b"\\r\\n\\r\\n")
    words = head.split(b" ", 2)
    if not found or len(words) < 2 or not words[0].startswith(b"HTTP/"): return "answer cut off"
    for line in head.split(b"\\r\\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and int(value) > len(body): return "answer cut off"
    status = int(words[1])
    right = status == wanted if wanted else status not in (502, 503, 504)
    return "" if right else "status %d" % status

async def ask():
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    try:
        if kind == "tcp": return ""
        writer.write(request)
        data = b""
        while True:
            chunk = await reader.read(65536)
            if not chunk: return problem(data)
            data += chunk
    finally:
        writer.transport.abort()

async def one():
    start = time.monotonic()
    try:
        why = await asyncio.wait_for(ask(), limit)
    except asyncio.TimeoutError:
        why = "timeout"
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
    except ValueError as error:
        why = str(error)
    end = time.monotonic()
    print("%.3f %.3f %s %s" % ((zero + start) * 1000, (zero + end) * 1000, "failed" if why else "ok", why), flush=True)

async def main():
    loop = asyncio.get_event_loop()
    print("ready python3", flush=True)
    number, tasks = 0, set()
    while True:
        number = max(number, int((time.monotonic() - origin) / interval))
        delay = origin + number * interval - time.monotonic()
        if delay > 0: await asyncio.sleep(delay)
        task = loop.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(0)

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
`;

/**
 * For hosts without Python: bash 5 and nothing else but cat. A request is a process; one that is still there after the
 * time limit is ended. Without TLS: of https only the connection is tried.
 */
export const BASH_PROGRAM = `
kind=$1 host=$2 port=$3 request=$4 rate=$5 limit=$6 wanted=$7
[ "\${EPOCHREALTIME:-}" ] || exit 9
exec 2>/dev/null
now() { local t=\${EPOCHREALTIME/[.,]/}; micro=$t; }
say() { echo "\${1:0:-3}.\${1: -3} \${2:0:-3}.\${2: -3} $3"; }
one() {
  now; local start=$micro why=refused head= body=
  if exec 3<>"/dev/tcp/$host/$port"; then
    why=
    if [ "$kind" = http ]; then
      cat >&3 <<<"$request"
      IFS= read -r head <&3
      IFS= read -r -d '' body <&3
      case $head in
        HTTP/*" $wanted "*) ;;
        HTTP/*" "50[234]" "*) why="status \${head:9:3}" ;;
        HTTP/*) [ "$wanted" = 0 ] || why="status \${head:9:3}" ;;
        *) why="answer cut off" ;;
      esac
    fi
  fi
  now
  if [ "$why" ]; then say "$start" "$micro" "failed $why"; else say "$start" "$micro" ok; fi
}
exec {idle}<> <(:)
interval=$((1000000 / rate)) keep=$((rate * limit))
now; origin=$micro number=0 oldest=0
echo "ready bash"
while :; do
  now
  late=$(((micro - origin) / interval)); [ "$number" -ge "$late" ] || number=$late
  due=$((origin + number * interval - micro))
  [ "$due" -le 0 ] || { printf -v wait '%d.%06d' $((due / 1000000)) $((due % 1000000)); read -r -t "$wait" -u "$idle"; }
  now
  one & pids[number]=$! starts[number]=$micro
  while [ "$oldest" -lt "$number" ] && [ $((micro - \${starts[oldest]:-0})) -ge $((limit * 1000000)) ]; do
    [ -z "\${pids[oldest]:-}" ] || ! kill -9 "\${pids[oldest]}" || say "\${starts[oldest]}" "$micro" "failed timeout"
    unset "pids[oldest]" "starts[oldest]"
    oldest=$((oldest + 1))
  done
  number=$((number + 1))
done
`;
