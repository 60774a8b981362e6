"""What was announced of each channel: for events that fell off a short history before anybody looked at it."""

from __future__ import annotations

import threading
import time

from resp import ConnectionLost, Redis, ReplyError

PREFIX = "feed.publish:{"
#: A message on this channel divides what was announced before from what comes after.
FENCE = PREFIX + "}"


class Announcements(threading.Thread):
    """Keeps announcements until they are forgotten. A connection that breaks loses some; they only help out."""

    def __init__(self, socket: str) -> None:
        super().__init__(name="announcements", daemon=True)
        self.redis = Redis(socket, timeout=10.0)
        self._heard: dict[str, dict[int, bytes]] = {}
        self._before: dict[str, dict[int, bytes]] = {}
        self._is_fenced = threading.Event()

    def run(self) -> None:
        while True:
            try:
                for channel, payload in self.redis.listen(PREFIX + "*"):
                    if channel == FENCE:
                        self._before, self._heard = self._heard, {}
                        self._is_fenced.set()
                        continue
                    number, _, event = payload.partition(b"\0")
                    name = channel[len(PREFIX) : -1]
                    self._heard.setdefault(name, {})[int(number)] = event
            except (ConnectionLost, ReplyError):
                # The server may have ended, and have lost what it announced last.
                self._heard = {}
                time.sleep(0.01)

    def event(self, channel: str, sequence: int) -> bytes | None:
        return self._heard.get(channel, {}).get(sequence)

    def first(self, channel: str) -> int | None:
        """The lowest number that was announced and not forgotten."""
        return min(list(self._heard.get(channel, ())), default=None)

    def forget(self, channel: str, until: int) -> None:
        heard = self._heard.get(channel)
        for sequence in [n for n in list(heard or ()) if n <= until]:
            if heard is not None:
                heard.pop(sequence, None)

    def expect_fence(self) -> None:
        self._is_fenced.clear()

    def fence(self, within: float) -> bool:
        """Waits for the message on :data:`FENCE` since :meth:`expect_fence`: now :meth:`event_before` has what was
        announced before it. False: none came; all is forgotten."""
        came = self._is_fenced.wait(within)
        if not came:
            self._before, self._heard = {}, {}
        return came

    def event_before(self, channel: str, sequence: int) -> bytes | None:
        return self._before.get(channel, {}).get(sequence)
