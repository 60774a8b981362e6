"""A gate before all producers: an operator who changes the shape of the pipeline stops the writers first."""

from __future__ import annotations

import threading
import time
from types import TracebackType


class Gate:
    """``with gate:`` for each attempt to send something; it waits while the gate is closed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self.is_closed = False

    def __enter__(self) -> "Gate":
        with self._condition:
            while self.is_closed:
                self._condition.wait()
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()

    def close(self, within: float) -> bool:
        """Closes it, and waits until nobody is inside."""
        end = time.monotonic() + within
        with self._condition:
            self.is_closed = True
            while self._inside and time.monotonic() < end:
                self._condition.wait(0.1)
            return self._inside == 0

    def open(self) -> None:
        with self._condition:
            self.is_closed = False
            self._condition.notify_all()
