"""What all kinds of faults use."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING, Callable, Optional

from findings import Findings
from processes import send_signal
from redisserver import ask_until
from resp import ConnectionLost, Redis, ReplyError, Word
from system import System

if TYPE_CHECKING:
    from auditor import Auditor
    from prober import Prober

End = Optional[Callable[[], object]]
#: How long a fault lasts (None: it could not be done), and what ends it.
Course = tuple[Optional[float], End]


class Fault:
    """One that has happened."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.began = time.monotonic()
        #: When the world was as before, but for what the fault had broken.
        self.ended = self.began


class FaultTools:
    """What is done to whom is drawn from `random`. `haste` is at most 1 and shortens what lasts.

    Each kind of fault is a method of a subclass, named as the kind is; it gives the :data:`Course`."""

    def __init__(
        self, system: System, prober: "Prober", auditor: "Auditor", seed: int, haste: float, findings: Findings
    ) -> None:
        self.system = system
        self.prober = prober
        self.auditor = auditor
        self.random = random.Random(f"{seed}/faults")
        self.haste = haste
        self.findings = findings
        self._ends: list[tuple[float, Fault, Callable[[], object]]] = []
        self._stopped: set[int] = set()

    @property
    def lasting(self) -> bool:
        return bool(self._ends)

    def _some(self, least: float, most: float) -> float:
        return self.random.uniform(least, max(least, most * self.haste))

    def _pick(self, pids: list[int]) -> int | None:
        free = [pid for pid in pids if pid not in self._stopped]
        return self.random.choice(free) if free else None

    def _stop(self, pids: list[int], seconds: float) -> Course:
        halted = [pid for pid in pids if pid not in self._stopped and send_signal(pid, signal.SIGSTOP)]
        if not halted:
            return None, None
        self._stopped.update(halted)
        return seconds, lambda: self._proceed(halted)

    def _proceed(self, pids: list[int]) -> None:
        for pid in pids:
            send_signal(pid, signal.SIGCONT)
            self._stopped.discard(pid)

    def _wake_redis(self) -> None:
        """It may stand still for another fault."""
        send_signal(self.system.redis.pid, signal.SIGCONT)

    def _ask(self, *words: Word) -> object | None:
        """One command; None: no answer within 2 s, or an error."""
        client = Redis(self.system.redis.socket, timeout=2.0)
        try:
            return client(*words)
        except (ReplyError, ConnectionLost):
            return None
        finally:
            client.close()

    def _insist(self, *words: Word) -> bool:
        """The same, with patience; for what does no harm when it is done twice."""
        if self._ask(*words) is not None:
            return True
        self._wake_redis()
        if ask_until(self.system.redis.socket, time.monotonic() + 30.0, *words) is not None:
            return True
        self.findings.add("stuck", f"Redis does not answer to {words[:2]} for 30 s")
        return False

    def _done(self, answer: object | None) -> Course:
        return (None if answer is None else 0.0), None
