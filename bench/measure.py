"""Runs a command and says what it took, its children included: measure.py OUTPUT COMMAND... ; OUTPUT gets
{"wall": s, "cpu": s of user and system time, "rss": MB of its largest process, "exit": code}."""

import json
import os
import sys
import time

begin = time.monotonic()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - begin
code = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    json.dump({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 1024, "exit": code}, file)
