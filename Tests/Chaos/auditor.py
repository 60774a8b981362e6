"""Follows every feed straight from Redis' keys, through the whole run: the other side of the reconciliation.

It reads what a feed got since its last look, so that histories may stay short and an hour's run needs little memory."""

from __future__ import annotations

import threading
import time
from array import array
from typing import Callable

from announcements import Announcements
from findings import Findings
from readers import Reader
from resp import ConnectionLost, Redis, ReplyError
from workload import Workload

#: Stands in a log where a sequence number has no event.
HOLE = (1 << 64) - 1


class Auditor(threading.Thread):
    """The logs of all channels: event numbers, by sequence number from 1.

    Where a server loses data its feeds begin anew, or go back: `past` keeps what a channel's log was before, since
    readers may have read that, and `cuts` when that was and how long the log was."""

    PAUSE = 0.5
    CHUNK = 200

    def __init__(self, socket: str, lossy: bool, histories: list[int], workload: Workload, findings: Findings) -> None:
        super().__init__(name="auditor", daemon=True)
        self.redis = Redis(socket, timeout=10.0)
        self.announcements = Announcements(socket)
        self.lossy = lossy
        #: All lengths of histories that were configured, the present one last.
        self.histories = histories
        self.workload = workload
        self.findings = findings
        self.logs: dict[str, array[int]] = {name: array("Q") for name in workload.all_channels()}
        #: Logs that a flush has ended. What stands in them was published.
        self.flushed: dict[str, list[array[int]]] = {}
        self.past: dict[str, list[array[int]]] = {}
        self.cuts: dict[str, list[tuple[float, int]]] = {}
        #: Up to which number each history was cut, with the times at which that was seen first.
        self.floors: dict[str, list[tuple[float, int]]] = {}
        self.halt = threading.Event()
        #: Events that readers saw, or a look before saw, and that the server then took back.
        self.taken_back = 0
        self._channels = list(self.logs)
        self._connection = 0
        #: Held during a look, and while data is taken back.
        self._lock = threading.Lock()
        self._is_taken_back = False

    def run(self) -> None:
        self.announcements.start()
        while not self.halt.wait(self.PAUSE):
            with self._lock:
                try:
                    self.sweep()
                except (ConnectionLost, ReplyError):
                    pass

    def sweep(self) -> None:
        """One look at all feeds. Raises what the client raises; what was read until then stays."""
        lasts: list[bytes | None] = []
        for start in range(0, len(self._channels), 500):
            part = self._channels[start : start + 500]
            lasts += self.redis("MGET", *("feed.publishes:{" + name + "}" for name in part))
        # A connection lives no longer than its server: only after a new one may a log have become shorter.
        anew, self._connection = self._connection != self.redis.connections, self.redis.connections
        again = self._is_taken_back or anew and self.lossy
        try:
            for channel, last in zip(self._channels, lasts):
                self._read(channel, int(last or 0), again)
        except (ConnectionLost, ReplyError):
            self._connection = 0
            raise
        self._is_taken_back = False

    def while_taken_back(self, action: Callable[[], bool], whole: bool) -> bool:
        """Runs what takes the server's data back: all of it, or to what it was some time ago. The action publishes
        :data:`FENCE`, in the former case in the same moment."""
        with self._lock:
            end = time.monotonic() + 20.0
            while time.monotonic() < end:
                try:
                    self.sweep()
                    break
                except (ConnectionLost, ReplyError):
                    time.sleep(0.02)
            self.announcements.expect_fence()
            done = action()
            # What was announced belongs to what is gone.
            self.announcements.fence(2.0)
            if done and whole:
                for channel in self._channels:
                    self._begin_anew(channel)
            self._is_taken_back = True
            return done

    def _begin_anew(self, channel: str) -> None:
        log = self.logs[channel]
        # What was published since the look.
        while (event := self.announcements.event_before(channel, len(log) + 1)) is not None:
            log.append(self._index(channel, len(log) + 1, event))
        self._note_cut(channel, len(log))
        if log:
            self.flushed.setdefault(channel, []).append(log)
            self.past.setdefault(channel, []).append(log)
            self.logs[channel] = array("Q")
            self._note_floor(channel, 0)

    def _note_cut(self, channel: str, length: int) -> None:
        # Readers may have seen more than a look before did.
        self.cuts.setdefault(channel, []).append((time.monotonic(), length))

    def _read(self, channel: str, last: int, again: bool) -> None:
        log = self.logs[channel]
        if again:
            self._note_cut(channel, len(log))
        if again and log:
            oldest = self.redis("ZRANGE", "feed.ids:{" + channel + "}", 0, 0)
            keep = min(int(oldest[0]) - 1, len(log)) if oldest else 0
            # What was announced since then and fell off already has taken the place of what is gone.
            announced = self.announcements.first(channel)
            keep = min(keep, announced - 1) if announced else keep
            before = log[:]
            del log[keep:]
            self._note_floor(channel, 0)
            self._append(channel, log, last)
            taken = sum(1 for n in range(keep, len(before)) if n >= len(log) or log[n] != before[n])
            self.taken_back += taken
            if taken:
                self.past.setdefault(channel, []).append(before)
        elif last < len(log):
            self.findings.add("went back", f"{channel}: sequence {len(log)} was published, now it is {last}")
            del log[last:]
        else:
            self._append(channel, log, last)

    def _append(self, channel: str, log: "array[int]", last: int) -> None:
        floor = 0
        while len(log) < last:
            ids = range(len(log) + 1, min(last, len(log) + self.CHUNK) + 1)
            answers = self.redis.pipeline([
                ["HMGET", "feed.items:{" + channel + "}", *ids], ["HGET", "feed.config:{" + channel + "}", "floor"]])
            items, cut = answers
            if isinstance(items, ReplyError):
                raise items
            floor = int(cut) if isinstance(cut, bytes) else floor
            for sequence, item in zip(ids, items):
                log.append(self._index(channel, sequence, item or self.announcements.event(channel, sequence)))
        self.announcements.forget(channel, last)
        if floor:
            self._note_floor(channel, floor)

    def _note_floor(self, channel: str, floor: int) -> None:
        known = self.floors.setdefault(channel, [(0.0, 0)])
        if floor and floor < known[-1][1]:
            self.findings.add("went back", f"{channel}: the history was cut up to {known[-1][1]}, now up to {floor}")
        if floor != known[-1][1]:
            known.append((time.monotonic(), floor))

    def floor(self, channel: str, moment: float, slack: float = 10.0) -> int:
        """The highest number up to which the history may have been cut at that moment, as seen soon after."""
        known = self.floors.get(channel, [(0.0, 0)])
        before = [floor for seen, floor in known if seen <= moment][-1:]
        return max(before + [floor for seen, floor in known if moment < seen <= moment + slack], default=0)

    def _index(self, channel: str, sequence: int, item: bytes | None) -> int:
        if item is None:
            self.findings.add("gap", f"{channel}: no event at {sequence}, or it fell off before it was looked at")
            return HOLE
        try:
            index, problem = self.workload.recognise(item)
        except (ValueError, KeyError, TypeError):
            self.findings.add("foreign", f"{channel} {sequence}: {item[:200]!r}")
            return HOLE
        if problem:
            self.findings.add("wrong form", f"{channel} {sequence}: {problem}: {item[:300]!r}")
        return index

    def check_ids(self) -> None:
        """At the end: a feed holds all numbers above the one up to which it was cut, each once, and nothing else; and
        it was cut as the configured lengths say."""
        for channel, log in self.logs.items():
            if not log:
                continue
            ids = [int(word) for word in self.redis("ZRANGE", "feed.ids:{" + channel + "}", 0, -1)]
            floor = int(self.redis("HGET", "feed.config:{" + channel + "}", "floor") or 0)
            self.check_kept(channel, ids, floor)
            if self.redis("HLEN", "feed.items:{" + channel + "}") != len(ids):
                self.findings.add("gap", f"{channel}: feed.items does not hold what feed.ids names")

    def check_kept(self, channel: str, ids: list[int], floor: int) -> None:
        last = len(self.logs[channel])
        if ids != list(range(floor + 1, last + 1)):
            self.findings.add("gap", f"{channel}: feed.ids holds {ids[:3]} … {ids[-3:]}, {len(ids)} of {last - floor}")
        if not min(last, min(self.histories)) <= last - floor <= max(self.histories):
            lengths = ", ".join(str(length) for length in self.histories)
            self.findings.add("gap", f"{channel}: {last - floor} of {last} events are kept, histories were {lengths}")

    def readers_are_through(self, readers: list[Reader]) -> bool:
        """Whether each reader has read the last event of each of its channels, and forgotten what was taken back."""
        for reader in readers:
            for channel, track in reader.tracks.items():
                if self.logs[channel][-1:] != track.current.events[-1:]:
                    return False
        return True

    def wait_quiet(self, queues: list[str], within: float) -> bool:
        """Waits until no queue holds an event and all that was published has been read here. Not beside :meth:`run`."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                lengths = self.redis.pipeline([("LLEN", queue) for queue in queues])
                self.sweep()
                if not any(lengths):
                    return True
            except (ConnectionLost, ReplyError):
                pass
            time.sleep(0.05)
        return False
