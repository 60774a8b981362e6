"""Readers: they follow docs/edge.md and nothing else, and write down what they are told.

A reader repeats its last request when no whole answer came. What it has read since the start, or since it was told to
begin anew, is one piece: it has to be a piece of its channel's log without hole, repeat or change of order."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from array import array
from typing import Any
from urllib.parse import quote

from findings import Findings
from workload import Workload, index_of

NETWORK = (OSError, http.client.HTTPException, ValueError)


class Piece:
    """Consecutive events of one channel, as one reader saw them."""

    def __init__(self, after_reset: bool) -> None:
        self.after_reset = after_reset
        self.events = array("Q")
        #: The first offset that it was given, and the last.
        self.first_offset: str | None = None
        self.last_offset: str | None = None
        #: When its first events came, and when the answer came that ended it.
        self.began: float | None = None
        self.ended: float | None = None


def epoch_of(offset: str) -> str:
    """The part of an offset that changes when the server may have lost events."""
    return offset.split("_")[0]


class Track:
    """What a reader read of one channel: the piece that grows, and those that a reset has ended."""

    def __init__(self, reader: str, channel: str) -> None:
        self.reader = reader
        self.channel = channel
        self.current = Piece(after_reset=False)
        self.closed: list[Piece] = []
        self.lock = threading.Lock()

    def add(self, events: list[dict[str, Any]]) -> None:
        with self.lock:
            if events and self.current.began is None:
                self.current.began = time.monotonic()
            for event in events:
                conversation, serial = event["event_id"].split(".")
                self.current.events.append(index_of(int(conversation), int(serial)))

    def moved(self, offset: str) -> None:
        self.current.first_offset = self.current.first_offset or offset
        self.current.last_offset = offset

    def reset(self) -> None:
        with self.lock:
            self.current.ended = time.monotonic()
            self.closed.append(self.current)
            self.current = Piece(after_reset=True)


class Reader(threading.Thread):
    """Follows some channels from their beginning until told to stop."""

    #: A page that draws everything anew needs a moment.
    AFTER_RESET = 0.02

    def __init__(
        self, name: str, channels: list[str], ports: list[int], workload: Workload, findings: Findings
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.ports = ports
        self.findings = findings
        self.random = random.Random(f"{workload.seed}/{name}")
        self.tracks = {channel: Track(name, channel) for channel in channels}
        self.offsets = {channel: "-1" for channel in channels}
        self.halt = threading.Event()
        self.hold = self.random.randint(1, 5)
        self.resets = 0
        self.broken = 0
        #: When the first offset of each epoch came.
        self.epochs: dict[str, float] = {}
        self.impatience = 0.02
        self._connection: http.client.HTTPConnection | None = None
        self._turn = self.random.randrange(len(ports))

    def run(self) -> None:
        while not self.halt.is_set():
            try:
                pause = self.turn()
            except NETWORK:
                self.broken += 1
                self.disconnect()
                pause = self.random.uniform(0.02, 0.2)
            if pause:
                self.halt.wait(pause)
        self.disconnect()

    def turn(self) -> float:
        """One request and its answer; gives the pause before the next."""
        raise NotImplementedError

    def took(self, channel: str, events: list[dict[str, Any]]) -> None:
        self.tracks[channel].add(events)

    def moved(self, channel: str, offset: str) -> None:
        """The position from which to go on."""
        self.offsets[channel] = offset
        self.tracks[channel].moved(offset)
        self.epochs.setdefault(epoch_of(offset), time.monotonic())

    def lost(self, channel: str) -> None:
        """The edge said that this position is lost."""
        self.resets += 1
        self.tracks[channel].reset()

    def ask(self, target: str, patience: float) -> http.client.HTTPResponse:
        """Sends a GET over the connection that stands, or a new one to the other edges."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.ports[self._turn % len(self.ports)], timeout=patience)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(patience)
        self._connection.request("GET", target)
        return self._connection.getresponse()

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._turn += 1

    def patience(self) -> float:
        """How long to wait for an answer; now and then far too short, as of somebody who closes the page."""
        if self.random.random() < self.impatience:
            return self.random.uniform(0.01, 0.5)
        return self.hold + 3.0

    def unexpected(self, target: str, status: int, content: bytes) -> float:
        if status != 503:
            self.findings.add("wrong answer", f"GET {target[:200]} {status} {content[:200]!r}")
        return self.random.uniform(0.05, 0.2)


class PollReader(Reader):
    """/v1/poll over many channels."""

    def turn(self) -> float:
        asked = "&".join("c=" + quote(f"{c}@{o}", safe=":@") for c, o in self.offsets.items())
        target = f"/v1/poll?{asked}&timeout={self.hold}"
        answer = self.ask(target, self.patience())
        content = answer.read()
        if answer.status != 200:
            return self.unexpected(target, answer.status, content)
        message = json.loads(content)
        pause = message["wait"] / 1000
        for channel, news in message["channels"].items():
            if news["reset"]:
                self.lost(channel)
                pause = max(pause, self.AFTER_RESET)
            self.took(channel, news["events"])
            self.moved(channel, news["next"])
        return pause


class RoamingReader(PollReader):
    """Changes to another edge with each poll."""

    def turn(self) -> float:
        pause = super().turn()
        self.disconnect()
        return pause


class ChannelReader(Reader):
    """/v1/channels/CHANNEL, held (`live=long-poll`) or asked now and then."""

    def __init__(self, live: bool, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.live = live

    def turn(self) -> float:
        (channel, offset), = self.offsets.items()
        target = f"/v1/channels/{quote(channel)}?offset={offset}"
        if self.live:
            target += f"&live=long-poll&timeout={self.hold}"
        answer = self.ask(target, self.patience())
        content = answer.read()
        if answer.status == 410:
            self.lost(channel)
            self.offsets[channel] = "-1"
            return self.AFTER_RESET
        if answer.status not in (200, 204):
            return self.unexpected(target, answer.status, content)
        if answer.status == 200:
            self.took(channel, json.loads(content))
        self.moved(channel, answer.headers["Stream-Next-Offset"])
        return 0 if self.live or answer.headers["Stream-Up-To-Date"] != "true" else self.random.uniform(0.1, 1.0)


class LateReader(ChannelReader):
    """Reads all that is new, then nothing for a long time: it may fall behind what the history keeps."""

    def __init__(self, longest: float, *arguments: Any) -> None:
        super().__init__(False, *arguments)
        self.longest = longest

    def turn(self) -> float:
        pause = super().turn()
        return self.random.uniform(0.5, self.longest) if pause else 0


class StreamReader(Reader):
    """/v1/channels/CHANNEL with `live=sse`. News count when the offset after them has come as well."""

    def turn(self) -> float:
        (channel, offset), = self.offsets.items()
        target = f"/v1/channels/{quote(channel)}?offset={offset}&live=sse"
        # A silent stream says something every 15 s.
        answer = self.ask(target, 17.0)
        if answer.status == 410:
            answer.read()
            self.lost(channel)
            self.offsets[channel] = "-1"
            return self.AFTER_RESET
        if answer.status != 200:
            return self.unexpected(target, answer.status, answer.read())
        kind, news = "", []
        while not self.halt.is_set():
            line = answer.readline()
            if not line:
                break
            field, _, value = line.decode().rstrip("\r\n").partition(":")
            if field == "event":
                kind = value.strip()
            elif field == "data" and kind == "data":
                news += json.loads(value)
            elif field == "data" and kind == "control":
                self.took(channel, news)
                self.moved(channel, json.loads(value)["streamNextOffset"])
                news = []
                if self.random.random() < self.impatience / 10:
                    break
        self.disconnect()
        return 0.01


def make_readers(
    count: int, late: float, ports: list[int], workload: Workload, findings: Findings
) -> list[Reader]:
    """`count` readers of many channels, and as many of one. Some of these read nothing for up to `late` seconds."""
    choice = random.Random(f"{workload.seed}/readers")
    threads = ["thread:" + workload.thread(c) for c in range(workload.conversations)]
    others = [name for name in workload.all_channels() if not name.startswith("thread:") and "probe" not in name]
    readers: list[Reader] = []
    common = (ports, workload, findings)
    for number in range(count):
        wanted = choice.randint(1, 25)
        channels = choice.sample(threads, min(len(threads), (wanted + 1) // 2)) + choice.sample(others, wanted // 2)
        kind = RoamingReader if number % 4 == 0 else PollReader
        readers.append(kind(f"poll-{number}", channels, *common))
    for number in range(max(1, count // 4)):
        readers.append(ChannelReader(True, f"hold-{number}", [choice.choice(threads + others)], *common))
        readers.append(ChannelReader(False, f"ask-{number}", [choice.choice(threads + others)], *common))
        readers.append(StreamReader(f"sse-{number}", [choice.choice(threads + others)], *common))
        busiest = f"forum:f{choice.randrange(workload.forums)}"
        readers.append(LateReader(late, f"late-{number}", [busiest], *common))
    return readers
