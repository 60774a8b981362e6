"""What is wrong: counted by kind, the first ones of each kind kept to be read."""

from __future__ import annotations

import threading


class Findings:
    """Written by all threads."""

    KEPT = 12

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.samples: dict[str, list[str]] = {}

    def add(self, kind: str, what: str, count: int = 1) -> None:
        with self._lock:
            self.counts[kind] = self.counts.get(kind, 0) + count
            kept = self.samples.setdefault(kind, [])
            if len(kept) < self.KEPT:
                kept.append(what)

    def count(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    @property
    def none(self) -> bool:
        return not self.counts
