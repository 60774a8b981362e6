"""Compares what readers saw with the logs, and what they were told with what had happened."""

from __future__ import annotations

from array import array

from auditor import Auditor
from findings import Findings
from readers import Piece, Reader, epoch_of
from workload import name_of

Problem = tuple[str, str, int]


class Readings:
    """The verdict over all readers, at the end."""

    #: How long after the server's data was taken back a new epoch may come, and an edge may still give what it had read
    #: before.
    NOTICED = 60.0
    LATE = 10.0

    def __init__(self, readers: list[Reader], auditor: Auditor, turns: list[float], findings: Findings) -> None:
        self.readers = readers
        self.auditor = auditor
        #: The moments from which on the server's data may have been other data.
        self.turns = turns
        self.findings = findings
        #: When a reader got the first offset of each epoch.
        self.epochs: dict[str, float] = {}
        for reader in readers:
            for epoch, moment in reader.epochs.items():
                self.epochs[epoch] = min(moment, self.epochs.get(epoch, moment))

    def check(self) -> None:
        self._check_epochs()
        for reader in self.readers:
            for channel, track in reader.tracks.items():
                who = f"{reader.name} {channel}"
                for piece, following in zip(track.closed, track.closed[1:] + [track.current]):
                    self._check_reset(who, channel, piece, following)
                    self._check_piece(who, channel, piece, whole=False)
                self._check_piece(who, channel, track.current, whole=True)

    def _check_epochs(self) -> None:
        """An epoch begins after the server's data may have been taken back, and for no other reason."""
        for epoch, moment in sorted(self.epochs.items(), key=lambda pair: pair[1])[1:]:
            if not any(turn <= moment <= turn + self.NOTICED for turn in self.turns):
                self.findings.add("reset without cause", f"epoch {epoch} began, and no data was taken back before")

    def _check_reset(self, who: str, channel: str, piece: Piece, following: Piece) -> None:
        """A reader is told that it may have missed something when it may have, and not otherwise."""
        old, new = piece.last_offset, following.first_offset
        if piece.ended is None:
            return
        if old is None:
            # Data may have been taken back while the first request was held.
            if not any(piece.ended - self.LATE <= turn <= piece.ended for turn in self.turns):
                self.findings.add("reset without cause", f"{who}: the first request was answered so")
        elif new is None:
            return
        elif epoch_of(old) != epoch_of(new):
            if self.epochs[epoch_of(new)] < self.epochs[epoch_of(old)]:
                self.findings.add("reset without cause", f"{who}: from {old} to an earlier epoch, {new}")
        else:
            number, floor = int(old.rsplit("_", 1)[-1]), self.auditor.floor(channel, piece.ended)
            if number >= floor:
                self.findings.add("reset without cause", f"{who}: at {old}, then {new}; the floor is {floor}")

    def _check_piece(self, who: str, channel: str, piece: Piece, whole: bool) -> None:
        """A piece is part of the log without hole, repeat or change of order: of the log as it is, or, when a reset
        has ended the piece, as it once was."""
        auditor = self.auditor
        problem = self._compare(channel, piece, auditor.logs[channel], whole)
        if problem is None:
            return
        if not whole:
            for log in auditor.past.get(channel, []):
                if self._compare(channel, piece, log, whole) is None:
                    return
        kind, what, count = problem
        self.findings.add(kind, f"{who}: {what}", count)

    def _compare(self, channel: str, piece: Piece, log: "array[int]", whole: bool) -> Problem | None:
        events = piece.events
        if not events:
            return ("not read", f"read nothing of {len(log)} events", len(log)) if whole and log else None
        try:
            start = log.index(events[0])
        except ValueError:
            if not whole and self._is_unseen(channel, piece, 0):
                return None
            return "read wrongly", f"{name_of(events[0])} was never published there", 1
        began = piece.began
        if start > 0 and (began is None or start > self.auditor.floor(channel, began)):
            return "not read", f"began with sequence {start + 1}", start
        wanted = log[start : start + len(events)]
        if wanted == events:
            missing = len(log) - start - len(wanted)
            return ("not read", f"the last {missing} of {len(log)} events", missing) if whole and missing else None
        at = next((n for n, pair in enumerate(zip(wanted, events)) if pair[0] != pair[1]), len(wanted))
        if not whole and self._is_unseen(channel, piece, start + at, start):
            return None
        told = name_of(events[at])
        due = name_of(wanted[at]) if at < len(wanted) else "nothing"
        kind = "read twice" if events[:at].count(events[at]) else "read wrongly"
        return kind, f"sequence {start + at + 1} is {due}, read was {told}", 1

    def _is_unseen(self, channel: str, piece: Piece, reached: int, start: int = 0) -> bool:
        """Whether a piece that agrees with a log up to a length may go on with what was taken back before anybody
        looked: it was read at that time, and is right in itself."""
        if piece.began is None or piece.ended is None:
            return False
        for moment, length in self.auditor.cuts.get(channel, []):
            in_time = piece.began <= moment + self.LATE and moment <= piece.ended + self.NOTICED
            if in_time and start <= length <= reached and self._is_right_in_itself(piece):
                return True
        return False

    @staticmethod
    def _is_right_in_itself(piece: Piece) -> bool:
        serials: dict[int, int] = {}
        for index in piece.events:
            conversation, serial = index >> 32, index & 0xFFFFFFFF
            if serial <= serials.get(conversation, -1):
                return False
            serials[conversation] = serial
        return True
