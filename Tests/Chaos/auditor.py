"""Follows every feed straight from Redis' keys, through the whole run: the other side of the reconciliation.

It reads what a feed got since its last look, so that histories may stay short and an hour's run needs little memory."""

from __future__ import annotations

import threading
import time
from array import array

from findings import Findings
from readers import Piece, Reader
from resp import ConnectionLost, Redis, ReplyError
from workload import Workload, name_of

#: Stands in a log where a sequence number has no event.
HOLE = (1 << 64) - 1


class Auditor(threading.Thread):
    """The logs of all channels: event numbers, by sequence number from 1."""

    PAUSE = 0.5
    CHUNK = 200

    def __init__(self, socket: str, lossy: bool, history: int, workload: Workload, findings: Findings) -> None:
        super().__init__(name="auditor", daemon=True)
        self.redis = Redis(socket, timeout=10.0)
        self.lossy = lossy
        self.history = history
        self.workload = workload
        self.findings = findings
        self.logs: dict[str, array[int]] = {name: array("Q") for name in workload.all_channels()}
        self.halt = threading.Event()
        #: Events that readers saw, or a look before saw, and that a loss of power then took back.
        self.taken_back = 0
        self._channels = list(self.logs)
        self._connection = 0

    def run(self) -> None:
        while not self.halt.wait(self.PAUSE):
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
        try:
            for channel, last in zip(self._channels, lasts):
                self._read(channel, int(last or 0), anew and self.lossy)
        except (ConnectionLost, ReplyError):
            self._connection = 0
            raise

    def _read(self, channel: str, last: int, again: bool) -> None:
        log = self.logs[channel]
        if again and log:
            oldest = self.redis("ZRANGE", "feed.ids:{" + channel + "}", 0, 0)
            keep = min(int(oldest[0]) - 1, len(log)) if oldest else 0
            before = log[keep:]
            del log[keep:]
            self._append(channel, log, last)
            self.taken_back += sum(1 for n, index in enumerate(before, keep) if n >= len(log) or log[n] != index)
        elif last < len(log):
            self.findings.add("went back", f"{channel}: sequence {len(log)} was published, now it is {last}")
            del log[last:]
        else:
            self._append(channel, log, last)

    def _append(self, channel: str, log: array[int], last: int) -> None:
        while len(log) < last:
            ids = range(len(log) + 1, min(last, len(log) + self.CHUNK) + 1)
            items = self.redis("HMGET", "feed.items:{" + channel + "}", *ids)
            for sequence, item in zip(ids, items):
                log.append(self._index(channel, sequence, item))

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
        """At the end: what a feed still holds are the last sequence numbers, each once, and nothing else."""
        for channel, log in self.logs.items():
            if not log:
                continue
            ids = [int(word) for word in self.redis("ZRANGE", "feed.ids:{" + channel + "}", 0, -1)]
            wanted = list(range(max(1, len(log) - self.history + 1), len(log) + 1))
            if ids != wanted:
                held = f"{ids[:3]} … {ids[-3:]}"
                self.findings.add("gap", f"{channel}: feed.ids holds {held}, {len(ids)} of {len(wanted)}")
            if self.redis("HLEN", "feed.items:{" + channel + "}") != len(ids):
                self.findings.add("gap", f"{channel}: feed.items does not hold what feed.ids names")

    # What readers saw

    def check_pieces(self, readers: list[Reader], final: bool) -> None:
        """Compares what readers saw with the logs: pieces that a reset ended, and at the end all.

        Where a server may lose its last part of a second, a piece that it ended may tell of events that never were;
        such a piece has to be right in itself only."""
        for reader in readers:
            for track in reader.tracks.values():
                with track.lock:
                    closed, track.closed = track.closed, []
                log, waiting = self.logs[track.channel], []
                for piece in closed:
                    if self.lossy:
                        self._check_alone(track.reader, track.channel, piece)
                    elif final or not self._reaches_beyond(piece, log):
                        self._check_piece(track.reader, track.channel, piece, log, whole=False)
                    else:
                        waiting.append(piece)
                if waiting:
                    with track.lock:
                        track.closed = waiting + track.closed
                if final:
                    self._check_piece(track.reader, track.channel, track.current, log, whole=True)

    @staticmethod
    def _reaches_beyond(piece: Piece, log: array[int]) -> bool:
        return len(piece.events) > 0 and piece.events[-1] not in log[-5000:]

    def _check_piece(self, reader: str, channel: str, piece: Piece, log: array[int], whole: bool) -> None:
        if not piece.events:
            if whole and log:
                self.findings.add("not read", f"{reader} {channel}: read nothing of {len(log)} events")
            return
        try:
            start = log.index(piece.events[0])
        except ValueError:
            first = name_of(piece.events[0])
            self.findings.add("read wrongly", f"{reader} {channel}: {first} was never published there")
            return
        # The oldest event kept is the first as long as none has fallen off.
        if start > 0 and (not piece.after_reset or len(log) <= self.history):
            self.findings.add("not read", f"{reader} {channel}: began with sequence {start + 1}", start)
        wanted = log[start : start + len(piece.events)]
        if wanted != piece.events:
            at = next((n for n, pair in enumerate(zip(wanted, piece.events)) if pair[0] != pair[1]), len(wanted))
            told = name_of(piece.events[at])
            due = name_of(wanted[at]) if at < len(wanted) else "nothing"
            before = piece.events[:at].count(piece.events[at])
            kind = "read twice" if before else "read wrongly"
            self.findings.add(kind, f"{reader} {channel}: sequence {start + at + 1} is {due}, read was {told}")
        elif whole and start + len(wanted) < len(log):
            missing = len(log) - start - len(wanted)
            self.findings.add("not read", f"{reader} {channel}: the last {missing} of {len(log)} events", missing)

    def _check_alone(self, reader: str, channel: str, piece: Piece) -> None:
        if len(set(piece.events)) != len(piece.events):
            self.findings.add("read twice", f"{reader} {channel}: an event stands twice in one piece")
        serials: dict[int, int] = {}
        for index in piece.events:
            conversation, serial = index >> 32, index & 0xFFFFFFFF
            if serial <= serials.get(conversation, -1):
                self.findings.add("read wrongly", f"{reader} {channel}: {name_of(index)} after a later one")
                return
            serials[conversation] = serial

    def readers_are_through(self, readers: list[Reader]) -> bool:
        """Whether each reader has read the last event of each of its channels."""
        for reader in readers:
            for channel, track in reader.tracks.items():
                log = self.logs[channel]
                if log and (not track.current.events or track.current.events[-1] != log[-1]):
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
