"""The faults: what is done to whom, for how long. Each is begun, lasts a while, and is ended."""

from __future__ import annotations

import time
from typing import Any

from faulttools import Fault
from networkfaults import NetworkFaults
from processfaults import ProcessFaults
from serverfaults import ServerFaults
from shapefaults import ShapeFaults

GROUPS: list[Any] = [ProcessFaults, ServerFaults, NetworkFaults, ShapeFaults]
#: How often each kind stands in the deck.
DECK: dict[str, int] = {kind: copies for group in GROUPS for kind, copies in group.DECK.items()}
#: The same, of those for which a short run has no time.
LONG: dict[str, int] = {kind: copies for group in GROUPS for kind, copies in group.LONG.items()}


class Faults(ProcessFaults, ServerFaults, NetworkFaults, ShapeFaults):
    """Draws faults from a shuffled deck, so that each kind has its turn in a short run as well."""

    def __init__(self, *arguments: Any, kinds: dict[str, int]) -> None:
        super().__init__(*arguments)
        self.kinds = kinds
        self.counts: dict[str, int] = {}
        #: Each kind once before any comes again.
        self._deck = list(kinds)
        self.random.shuffle(self._deck)

    def draw(self) -> str:
        if not self._deck:
            self._deck = [kind for kind, copies in self.kinds.items() for _ in range(copies)]
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

    def end_all(self) -> None:
        for _, fault, end in self._ends:
            end()
            fault.ended = time.monotonic()
        self._ends = []
