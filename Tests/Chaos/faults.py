"""The faults: what is done to whom, for how long. Each is begun, lasts a while, and is ended."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import Callable, Optional

from processes import child_id, send_signal
from resp import ConnectionLost, Redis, ReplyError
from service import Service
from system import System

End = Optional[Callable[[], None]]


class Fault:
    """One that has happened."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.began = time.monotonic()
        #: When the world was as before, but for what the fault had broken.
        self.ended = self.began


class Faults:
    """Draws faults from a shuffled deck, so that each kind has its turn in a short run as well."""

    DECK = {
        "worker killed": 4,
        "work supervisor killed": 2,
        "work supervisor stopped": 1,
        "work pool replaced (TERM)": 1,
        "work pool renewed (HUP)": 1,
        "worker stopped": 2,
        "worker stopped, its leases ended": 2,
        "edge killed": 2,
        "edge stopped": 2,
        "edge supervisor killed": 1,
        "edge supervisor stopped": 1,
        "edge pool replaced (TERM)": 1,
        "edge pool renewed (HUP)": 1,
        "redis killed": 2,
        "redis stopped": 2,
        "connections killed": 2,
        "subscriptions killed": 2,
        "functions flushed": 2,
        "scripts flushed": 1,
        "memory full": 2,
        "clients paused": 2,
    }
    #: Only in long runs: a worker that hangs for longer than its lease, as on a host that is cut off.
    LONG = "worker stopped beyond its lease"

    def __init__(self, system: System, seed: int, haste: float, long: bool) -> None:
        self.system = system
        self.random = random.Random(f"{seed}/faults")
        self.haste = haste
        self.long = long
        self._first = True
        self.counts: dict[str, int] = {}
        self._deck: list[str] = []
        self._ends: list[tuple[float, Fault, Callable[[], None]]] = []
        self._stopped: set[int] = set()
        self._lock = threading.Lock()

    def draw(self) -> str:
        if not self._deck:
            kinds = {**self.DECK, **({self.LONG: 1} if self.long else {})}
            # Each kind once before any comes again.
            self._deck = [kind for kind, copies in kinds.items() for _ in range(1 if self._first else copies)]
            self._first = False
            self.random.shuffle(self._deck)
        return self._deck.pop()

    def begin(self, kind: str) -> Fault | None:
        """None: there was nobody to do it to."""
        name = "_" + kind.split(" (")[0].replace(" ", "_").replace(",", "")
        fault = Fault(kind)
        lasts, end = getattr(self, name)()
        if lasts is None:
            return None
        self.counts[kind] = self.counts.get(kind, 0) + 1
        fault.ended = time.monotonic()
        if end:
            self._ends.append((fault.ended + lasts, fault, end))
        return fault

    def end_due(self) -> None:
        """Ends those whose time has come."""
        for entry in [entry for entry in self._ends if entry[0] <= time.monotonic()]:
            self._ends.remove(entry)
            entry[2]()
            entry[1].ended = time.monotonic()

    @property
    def lasting(self) -> bool:
        return bool(self._ends)

    def end_all(self) -> None:
        for _, fault, end in self._ends:
            end()
            fault.ended = time.monotonic()
        self._ends = []

    # Each of the following gives how long it lasts (None: it could not be done) and what ends it.

    def _some(self, least: float, most: float) -> float:
        return self.random.uniform(least, max(least, most * self.haste))

    def _pick(self, pids: list[int]) -> int | None:
        free = [pid for pid in pids if pid not in self._stopped]
        return self.random.choice(free) if free else None

    def _kill(self, pid: int | None) -> tuple[float | None, End]:
        return (0.0 if pid is not None and send_signal(pid, signal.SIGKILL) else None), None

    def _stop(self, pid: int | None, seconds: float) -> tuple[float | None, End]:
        if pid is None or not send_signal(pid, signal.SIGSTOP):
            return None, None
        self._stopped.add(pid)

        def proceed() -> None:
            send_signal(pid, signal.SIGCONT)
            self._stopped.discard(pid)

        return seconds, proceed

    def _worker_killed(self) -> tuple[float | None, End]:
        return self._kill(self._pick(self.system.workers()))

    def _edge_killed(self) -> tuple[float | None, End]:
        return self._kill(self._pick(self.system.edge_processes()))

    def _worker_stopped(self) -> tuple[float | None, End]:
        return self._stop(self._pick(self.system.workers()), self._some(0.1, 3.0))

    def _worker_stopped_beyond_its_lease(self) -> tuple[float | None, End]:
        return self._stop(self._pick(self.system.workers()), self.random.uniform(4.0, 25.0))

    def _worker_stopped_its_leases_ended(self) -> tuple[float | None, End]:
        """What a worker finds that was given up: another one has its lanes, and it comes back with the old token."""
        pid = self._pick(self.system.workers())
        owner = child_id(pid) if pid is not None else None
        lasts, end = self._stop(pid, self._some(0.1, 2.0))
        if lasts is not None and owner is not None:
            self._ask("FCALL", "tidings_leave", 0, "comments", owner)
        return lasts, end

    def _edge_stopped(self) -> tuple[float | None, End]:
        return self._stop(self._pick(self.system.edge_processes()), self._some(0.1, 3.0))

    def _work_supervisor_killed(self) -> tuple[float | None, End]:
        self.random.choice(self.system.works).kill()
        return 0.0, None

    def _edge_supervisor_killed(self) -> tuple[float | None, End]:
        self.random.choice(self.system.edges).kill()
        return 0.0, None

    def _stop_supervisor(self, service: Service) -> tuple[float | None, End]:
        """Its children work on without it; who dies meanwhile is buried and started again when it goes on."""
        return self._stop(service.pid if service.has_started else None, self._some(0.1, 3.0))

    def _work_supervisor_stopped(self) -> tuple[float | None, End]:
        return self._stop_supervisor(self.random.choice(self.system.works))

    def _edge_supervisor_stopped(self) -> tuple[float | None, End]:
        return self._stop_supervisor(self.random.choice(self.system.edges))

    def _work_pool_renewed(self) -> tuple[float | None, End]:
        return (0.0 if self.random.choice(self.system.works).renew() else None), None

    def _edge_pool_renewed(self) -> tuple[float | None, End]:
        return (0.0 if self.random.choice(self.system.edges).renew() else None), None

    def _replace(self, service: Service, within: float) -> tuple[float | None, End]:
        # A stopped process cannot end in order.
        if self._ends or not service.has_started:
            return None, None
        return (None if service.terminate(within) is None else 0.0), None

    def _work_pool_replaced(self) -> tuple[float | None, End]:
        return self._replace(self.random.choice(self.system.works), 20.0)

    def _edge_pool_replaced(self) -> tuple[float | None, End]:
        return self._replace(self.random.choice(self.system.edges), 20.0)

    def _redis_killed(self) -> tuple[float | None, End]:
        self.system.redis.kill_and_restart(self.random.uniform(0.0, 0.5))
        return 0.0, None

    def _redis_stopped(self) -> tuple[float | None, End]:
        return self._stop(self._pick([self.system.redis.pid]), self._some(0.1, 3.0))

    def _ask(self, *words: str | int) -> object | None:
        client = Redis(self.system.redis.socket, timeout=2.0)
        try:
            return client(*words)
        except (ReplyError, ConnectionLost):
            return None
        finally:
            client.close()

    def _done(self, answer: object | None) -> tuple[float | None, End]:
        return (None if answer is None else 0.0), None

    def _connections_killed(self) -> tuple[float | None, End]:
        return self._done(self._ask("CLIENT", "KILL", "TYPE", "normal"))

    def _subscriptions_killed(self) -> tuple[float | None, End]:
        return self._done(self._ask("CLIENT", "KILL", "TYPE", "pubsub"))

    def _functions_flushed(self) -> tuple[float | None, End]:
        return self._done(self._ask("FUNCTION", "FLUSH"))

    def _scripts_flushed(self) -> tuple[float | None, End]:
        return self._done(self._ask("SCRIPT", "FLUSH"))

    def _memory_full(self) -> tuple[float | None, End]:
        lasts = self._some(0.2, 2.0)
        info = self._ask("INFO", "memory")
        if not isinstance(info, bytes):
            return None, None
        used = int(info.split(b"used_memory:")[1].split(b"\r", 1)[0])
        if self._ask("CONFIG", "SET", "maxmemory", used - 4096) is None:
            return None, None

        def widen() -> None:
            # A restart has widened it as well.
            while self._ask("CONFIG", "SET", "maxmemory", 0) is None:
                send_signal(self.system.redis.pid, signal.SIGCONT)
                time.sleep(0.02)

        return lasts, widen

    def _clients_paused(self) -> tuple[float | None, End]:
        lasts = self._some(0.1, 2.0)
        mode = self.random.choice(["ALL", "WRITE"])
        answer = self._ask("CLIENT", "PAUSE", int(lasts * 1000), mode)
        # The server ends it by itself.
        return (None if answer is None else lasts), lambda: None
