"""A client that opens a NEW connection at a fixed rate and reports what it saw: python3 client-loop.py '{JSON}'.

Open loop: request N starts at N * interval whatever became of the others, so a server that hangs is asked as often as
one that answers. Where the machine itself does not let the client run, the times it missed are not made up for: all at
once they would be no rate at all, and a moment's failure would count many times. Ends when standard input ends, or after `seconds`, whichever is first; then prints one JSON document.
A request succeeds when its whole answer arrived in time with a 2xx or 3xx status.
"""

import asyncio
import json
import os
import sys
import time
from urllib.parse import urlsplit

options = {"interval_ms": 10, "timeout_ms": 1000, "seconds": 180, **json.loads(sys.argv[1])}
url = urlsplit(options["url"])
host, port = url.hostname, url.port or 80
path = (url.path or "/") + ("?" + url.query if url.query else "")
name = f"[{host}]" if ":" in host else host
REQUEST = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: client-loop\r\nConnection: close\r\n\r\n".encode()

successes = []  # (start, end, answer)
failures = []  # (start, end, error)
stalls = []  # (time, how late)
STALL = 0.05  # seconds by which a request may be late before that is told


async def ask():
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(REQUEST)
        data = await reader.read(-1)
    finally:
        writer.transport.abort()
    head, separator, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/"):
        raise ValueError("answer cut off" if data else "connection closed without an answer")
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-length" and len(body) != int(value):
            raise ValueError("answer cut off")
    if words[1][:1] not in (b"2", b"3"):
        raise ValueError("status " + words[1].decode("latin1"))
    return body.decode("utf-8", "replace").strip()[:200]


async def request(origin):
    start = time.monotonic()
    try:
        answer = await asyncio.wait_for(ask(), options["timeout_ms"] / 1000)
        successes.append((start - origin, time.monotonic() - origin, answer))
    except asyncio.TimeoutError:
        failures.append((start - origin, time.monotonic() - origin, "timeout"))
    except (OSError, ValueError) as error:
        text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        failures.append((start - origin, time.monotonic() - origin, text))


async def main():
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or ended.set())
    interval = options["interval_ms"] / 1000
    origin = time.monotonic()
    limit = origin + options["seconds"]
    tasks, number, skipped, late = set(), 0, 0, 0.0
    print("started", file=sys.stderr, flush=True)
    while not ended.is_set() and time.monotonic() < limit:
        due = origin + number * interval
        delay = due - time.monotonic()
        if delay > 0:
            try:
                await asyncio.wait_for(ended.wait(), delay)
                break
            except asyncio.TimeoutError:
                pass
        now = time.monotonic()
        late = max(late, now - due)
        if now - due > STALL:
            stalls.append((now - origin, now - due))
        missed = int((now - due) / interval)
        skipped += missed
        number += missed
        task = loop.create_task(request(origin))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(0)
    duration = time.monotonic() - origin
    loop.remove_reader(sys.stdin.fileno())
    await asyncio.gather(*tasks)
    report(duration, number - skipped, late)


def report(duration, number, late):
    successes.sort()
    failures.sort()
    # The longest time between the completions of two successive successes, in the order of their starts. Where the last
    # requests failed (or all did), the time from the last success (or from the start) to the end counts too.
    gap, last = 0.0, 0.0
    for _, end, _ in successes:
        gap = max(gap, end - last)
        last = end
    if failures and (not successes or failures[-1][0] > successes[-1][0]):
        gap = max(gap, duration - last)
    answers, errors = {}, {}
    for _, _, answer in successes:
        answers[answer] = answers.get(answer, 0) + 1
    for _, _, error in failures:
        errors[error] = errors.get(error, 0) + 1
    ms = lambda seconds: round(seconds * 1000, 1)
    json.dump(
        {
            "requests": number,
            "failed": len(failures),
            "longestGapMs": ms(gap),
            "slowestMs": ms(max((end - start for start, end, _ in successes), default=0)),
            "durationMs": ms(duration),
            "latestStartMs": ms(late),
            "answers": answers,
            "errors": errors,
            "stalls": [{"atMs": ms(at), "lateMs": ms(by)} for at, by in sorted(stalls, key=lambda it: -it[1])[:1000]],
            "failures": [{"atMs": ms(start), "tookMs": ms(end - start), "error": error}
                         for start, end, error in failures[:1000]],
        },
        sys.stdout,
    )
    print()


asyncio.run(main())
