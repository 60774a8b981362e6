"""Which events were accepted, and when: the one side of the reconciliation."""

from __future__ import annotations

from array import array


class Ledger:
    """The accepted events of each conversation are its serial numbers 0 … n − 1; kept is when each was first sent and
    when its acceptance was known.

    A conversation belongs to one producer, so no lock is needed."""

    def __init__(self, conversations: int) -> None:
        self.started = [array("d") for _ in range(conversations)]
        self.times = [array("d") for _ in range(conversations)]
        #: How often something had to be sent once more, by reason.
        self.repeats: dict[str, int] = {}

    def next_serial(self, conversation: int) -> int:
        return len(self.times[conversation])

    def accept(self, conversation: int, serial: int, started: float, now: float) -> None:
        assert serial == len(self.times[conversation])
        self.started[conversation].append(started)
        self.times[conversation].append(now)

    def repeated(self, reason: str) -> None:
        self.repeats[reason] = self.repeats.get(reason, 0) + 1

    @property
    def accepted(self) -> int:
        return sum(len(times) for times in self.times)
