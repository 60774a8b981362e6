"""What the logs of the pools tell of their children: a crash that was healed is a crash."""

from __future__ import annotations

import os
import re

from findings import Findings

#: Those that the faults explain: kill -9, and the end of one that was replaced: in order, or by the very SIGHUP that asks
#: for it, where the child has not come to handle signals yet.
_EXPECTED = {"ended": {"signal 9"}, "was replaced": {"signal 9", "signal 1", "exit 0"}}
_CHILD = re.compile(r'child (ended|was replaced)\b.* how="?([^"]*?)"?(?: [a-z_]+=.*)?$')
#: What the runtime writes when it ends a program, also one whose supervisor was killed.
_CRASH = re.compile(r"Fatal error|Program crashed|Exclusivity|double free|corrupted|stack smashing")


def check_log(path: str, findings: Findings) -> None:
    """Names each child that ended otherwise than by a fault."""
    name = os.path.basename(path)
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            child = _CHILD.search(line.rstrip("\n"))
            if child and child[2] not in _EXPECTED[child[1]]:
                findings.add("child died", f"{name}: {line.strip()[:300]}")
            elif _CRASH.search(line):
                findings.add("crash", f"{name}: {line.strip()[:300]}")


def says(path: str, words: str, since: int) -> bool:
    """Whether a log holds these words behind its first `since` bytes."""
    try:
        with open(path, "rb") as file:
            file.seek(since)
            return words.encode() in file.read()
    except OSError:
        return False


def size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
