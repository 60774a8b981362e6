"""The largest resident memory of each kind of process."""

from __future__ import annotations

import os
import threading

from processes import children
from system import System


def resident(pid: int) -> int:
    """In KiB; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, IndexError, ValueError):
        return 0


class MemoryWatch(threading.Thread):
    """Looks every second."""

    def __init__(self, system: System) -> None:
        super().__init__(name="memory", daemon=True)
        self.system = system
        self.halt = threading.Event()
        self.worst: dict[str, int] = {}

    def run(self) -> None:
        while not self.halt.wait(1.0):
            for kind, services in (("worker", self.system.works), ("edge", self.system.edges)):
                for service in services:
                    self._note("supervisor", service.pid)
                    for pid in children(service.pid):
                        self._note(kind, pid)
            self._note("redis-server", self.system.redis.pid)
            self._note("this test", os.getpid())

    def _note(self, kind: str, pid: int) -> None:
        self.worst[kind] = max(self.worst.get(kind, 0), resident(pid))
