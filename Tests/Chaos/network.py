"""The way between a pool and Redis, which can be made slow, silent, or be cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from processes import free_port

PROXY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy.py")


class Network:
    """A proxy in a process of its own, so that it does not wait for this suite's threads."""

    def __init__(self, redis_port: int) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-B", PROXY, str(self.port), str(redis_port)], stdin=subprocess.PIPE)

    def order(self, ports: list[int] | None = None, **what: Any) -> None:
        """See proxy.py. `ports` None: all connections."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"ports": ports, **what}).encode() + b"\n")
        self._process.stdin.flush()

    def heal(self) -> None:
        self.order(delay=None, stall=False)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def local_ports(pid: int) -> list[int]:
    """The ports from which a process has connections to loopback addresses, as its peers see them."""
    inodes = set()
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{entry}")
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []
    # State 01: established.
    return sorted(int(row[1].split(":")[1], 16) for row in rows if row[3] == "01" and row[9] in inodes)
