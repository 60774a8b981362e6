"""The largest memory of each kind of process, and a limit for those that should stay small."""

from __future__ import annotations

import os
import threading

from findings import Findings
from processes import children
from system import System


def memory(pid: int) -> tuple[int, int]:
    """Resident, and of that what is the process's own, in KiB; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            _, resident, shared, *_ = (int(word) for word in file.read().split())
        page = os.sysconf("SC_PAGE_SIZE")
        return resident * page // 1024, (resident - shared) * page // 1024
    except (OSError, IndexError, ValueError):
        return 0, 0


class MemoryWatch(threading.Thread):
    """Looks every second."""

    #: What a worker or a supervisor may have of its own, in KiB, however long it has run. An edge keeps rings, which have
    #: a limit of their own.
    LIMITS = {"worker": 100 * 1024, "supervisor": 100 * 1024}

    def __init__(self, system: System, findings: Findings) -> None:
        super().__init__(name="memory", daemon=True)
        self.system = system
        self.findings = findings
        self.halt = threading.Event()
        self.worst: dict[str, int] = {}
        #: Those that were found to be too large.
        self._named: set[int] = set()

    def run(self) -> None:
        while not self.halt.wait(1.0):
            for kind, services in (("worker", self.system.works), ("edge", self.system.edges)):
                for service in services:
                    self.look("supervisor", service.pid)
                    for pid in children(service.pid):
                        self.look(kind, pid)
            self.look("redis-server", self.system.redis.pid)
            self.look("this test", os.getpid())

    def look(self, kind: str, pid: int) -> None:
        resident, private = memory(pid)
        self.worst[kind] = max(self.worst.get(kind, 0), resident)
        limit = self.LIMITS.get(kind)
        if limit is not None and private > limit and pid not in self._named:
            self._named.add(pid)
            self.findings.add("memory", f"{kind} {pid} has {private // 1024} MiB of its own, more than {limit // 1024}")
