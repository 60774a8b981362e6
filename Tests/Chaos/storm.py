"""When faults happen: bursts of several, each followed by one alone whose recovery is timed."""

from __future__ import annotations

import random
import statistics
import time

from faults import Faults
from faulttools import Fault
from findings import Findings
from prober import Prober


class Storm:
    """Runs in the caller's thread. `haste` is at most 1; pauses are shortened by it.

    What happens is written to the file `timeline`, with times that fit those in the processes' logs."""

    #: Not being well again after so many seconds is a failure.
    PATIENCE = 60.0

    def __init__(
        self, faults: Faults, prober: Prober, seed: int, haste: float, findings: Findings, timeline: str
    ) -> None:
        self.haste = haste
        self.faults = faults
        self.prober = prober
        self.findings = findings
        self.random = random.Random(f"{seed}/storm")
        #: Seconds until the last probe was published and until it was read, by kind.
        self.recoveries: dict[str, list[tuple[float, float]]] = {}
        self._timeline = open(timeline, "a", encoding="utf-8")

    #: In a run of each kind, so many come together.
    TOGETHER = 4

    def run_each(self) -> None:
        """Each kind of fault once."""
        begun: list[Fault] = []
        for number in range(1, len(self.faults.kinds) + 1):
            kind = self.faults.draw()
            fault = self._begin(kind)
            if not fault and self._recover_from(begun):
                # It may need a world in which all is well.
                begun, fault = [], self._begin(kind)
            begun += [fault] if fault else []
            if len(begun) == self.TOGETHER or number == len(self.faults.kinds):
                if not self._recover_from(begun):
                    break
                begun = []
        self.faults.end_all()

    def _recover_from(self, begun: list[Fault]) -> bool:
        if not begun:
            return True
        return self._recover(begun[-1], begun[0].kind if len(begun) == 1 else "a burst of faults")

    def run(self, until: float) -> None:
        while time.monotonic() < until and self.findings.count("stuck") == 0:
            last = None
            for _ in range(self.random.randint(0, 4)):
                last = self._begin() or last
                self._pass(self.random.uniform(0.2, 2.0) * self.haste, until)
            if last and not self._recover(last, "a burst of faults"):
                break
            if time.monotonic() < until:
                fault = self._begin()
                if fault and not self._recover(fault, fault.kind):
                    break
        self.faults.end_all()

    def _begin(self, kind: str | None = None) -> Fault | None:
        kind = kind or self.faults.draw()
        self._write(f"{self._clock()} {kind}")
        fault = self.faults.begin(kind)
        if not fault:
            self._write(f"{self._clock()} {kind}: it could not be done now")
        return fault

    def _pass(self, seconds: float, until: float) -> None:
        end = min(time.monotonic() + seconds, until)
        while time.monotonic() < end:
            self.faults.end_due()
            time.sleep(0.005)

    def _recover(self, fault: Fault, name: str) -> bool:
        """Waits until all is well; notes how long it took."""
        while self.faults.lasting:
            self.faults.end_due()
            time.sleep(0.005)
        ended = time.monotonic() if name != fault.kind else fault.ended
        end = ended + self.PATIENCE
        while not self.prober.is_through(ended + 0.3):
            if time.monotonic() > end:
                self._write(f"{self._clock()} stuck after {name}")
                self.findings.add("stuck", f"{self.PATIENCE:.0f} s after {name} ({fault.kind}): {self.prober.state()}")
                return False
            time.sleep(0.01)
        waits = self.prober.longest_wait(fault.began, ended)
        self.recoveries.setdefault(name, []).append(waits)
        if name == Faults.BEYOND:
            # Another worker takes over while the one is stopped, and that is what the lease bounds.
            takeover = self.prober.longest_wait(fault.began, fault.began)
            self.recoveries.setdefault("worker stopped beyond, until taken over", []).append(takeover)
        self._write(f"{self._clock()} well again after {name}: published {waits[0]:.3f} s, read {waits[1]:.3f} s")
        return True

    @staticmethod
    def _clock() -> str:
        now = time.time()
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"

    def _write(self, line: str) -> None:
        self._timeline.write(line + "\n")
        self._timeline.flush()

    def table(self) -> list[tuple[str, int, float, float, float, float]]:
        """Kind, how many were timed, publishing median and worst, reading median and worst; seconds."""
        rows = []
        for kind, pairs in sorted(self.recoveries.items()):
            published, read = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            rows.append((kind, len(pairs), statistics.median(published), max(published),
                         statistics.median(read), max(read)))
        return rows
