"""How long it takes: one small event after the other, and when each was published and read."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from findings import Findings
from gate import Gate
from ledger import Ledger
from readers import PollReader
from resp import ConnectionLost, Redis, ReplyError
from workload import PARTITIONS, Workload


class Probe:
    """One event on its way."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.published: float | None = None
        self.read: list[float | None] = []


class ProbeReader(PollReader):
    """A reader of all probes' channels who notes the time."""

    def __init__(self, prober: "Prober", number: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.prober = prober
        self.number = number
        self.hold = 1
        self.impatience = 0.0

    def took(self, channel: str, events: list[dict[str, Any]]) -> None:
        super().took(channel, events)
        if events:
            conversation, serial = (int(part) for part in events[-1]["event_id"].split("."))
            self.prober.seen(conversation, serial, self.number)

    def patience(self) -> float:
        return 2.5


class Prober:
    """Pushes a probe every `INTERVAL` seconds, each partition in its turn, at the open door; looks at the feeds for
    their publication, and has readers at both pools of edges."""

    INTERVAL = 0.025
    KEPT = 120.0

    def __init__(
        self, socket: str, gate: Gate, ports: list[int], readers: int, workload: Workload, ledger: Ledger,
        findings: Findings
    ) -> None:
        self.gate = gate
        self.workload = workload
        self.ledger = ledger
        self.findings = findings
        self.halt = threading.Event()
        self.lock = threading.Lock()
        self._socket = socket
        self._open: dict[int, dict[int, Probe]] = {c: {} for c in workload.probes}
        self._done: deque[Probe] = deque()
        channels = ["thread:" + workload.thread(c) for c in workload.probes]
        self.readers = [
            ProbeReader(self, n, f"probe-{n}", channels, [ports[n % len(ports)], ports[(n + 1) % len(ports)]], workload,
                        findings)
            for n in range(readers)
        ]
        for n, reader in enumerate(self.readers):
            reader._turn = n // 2 * 2
        self.threads = [
            threading.Thread(target=self._push, name="prober", daemon=True),
            threading.Thread(target=self._watch, name="prober-watch", daemon=True),
            *self.readers,
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Ends the pushing; the readers go on."""
        self.halt.set()
        self.threads[0].join(100)

    def _push(self) -> None:
        redis = Redis(self._socket, timeout=1.0)
        number, due = 0, time.monotonic()
        while not self.halt.is_set():
            conversation = self.workload.probes[number % PARTITIONS]
            serial = self.ledger.next_serial(conversation)
            event = self.workload.event(conversation, serial)
            probe = Probe(time.monotonic())
            probe.read = [None] * len(self.readers)
            with self.lock:
                self._open[conversation][serial] = probe
            while True:
                try:
                    with self.gate:
                        redis("RPUSH", "comments:incoming", event)
                    break
                except (ReplyError, ConnectionLost):
                    time.sleep(0.01)
                if time.monotonic() - probe.began > 90:
                    self.findings.add("not accepted", "the prober: nothing taken for 90 s")
                    return
            now = time.monotonic()
            self.ledger.accept(conversation, serial, probe.began, now)
            number += 1
            due = max(due + self.INTERVAL, now - self.INTERVAL)
            self.halt.wait(max(0.0, due - now))

    def _watch(self) -> None:
        redis = Redis(self._socket, timeout=1.0)
        feeds = ["{thread:" + self.workload.thread(c) + "}" for c in self.workload.probes]
        known: list[bytes | None] = [None] * len(feeds)
        while True:
            try:
                last = redis("MGET", *("feed.publishes:" + feed for feed in feeds))
                changed = [n for n, value in enumerate(last) if value != known[n]]
                items = redis.pipeline([("HGET", "feed.items:" + feeds[n], last[n] or b"0") for n in changed])
                now = time.monotonic()
                for n, item in zip(changed, items):
                    if isinstance(item, bytes):
                        conversation, serial = self.workload.probes[n], self.workload.recognise(item)[0] & 0xFFFFFFFF
                        self.seen(conversation, serial, None)
                    known[n] = last[n]
            except (ReplyError, ConnectionLost):
                pass
            time.sleep(0.008)

    def seen(self, conversation: int, serial: int, reader: int | None) -> None:
        """All probes of that partition up to this one were published, or read by one of the readers."""
        now = time.monotonic()
        with self.lock:
            waiting = self._open[conversation]
            for number in [n for n in waiting if n <= serial]:
                probe = waiting[number]
                probe.published = probe.published or now
                if reader is not None:
                    probe.read[reader] = probe.read[reader] or now
                if probe.published and all(probe.read):
                    self._done.append(waiting.pop(number))
            while self._done and self._done[0].began < now - self.KEPT:
                self._done.popleft()

    def is_through(self, since: float) -> bool:
        """Whether a whole round of probes pushed after that moment, and all before it, were published and read."""
        with self.lock:
            if any(probe.began <= since + 0.01 for waiting in self._open.values() for probe in waiting.values()):
                return False
            return sum(1 for probe in self._done if probe.began > since) >= 2 * PARTITIONS

    def longest_wait(self, began: float, ended: float) -> tuple[float, float]:
        """The longest wait from `ended` on, of a probe that was on its way between one second before `began` and half a
        second after `ended`: for its publication, and for its last reader."""
        published = read = 0.0
        with self.lock:
            for probe in self._done:
                if probe.published and began - 1.0 <= probe.began <= ended + 0.5:
                    start = max(probe.began, ended)
                    published = max(published, probe.published - start)
                    read = max(read, max((moment or 0.0) - start for moment in probe.read))
        return published, read

    def oldest_waiting(self) -> float:
        """When the oldest probe was pushed that is not published yet; now, when there is none."""
        with self.lock:
            probes = [probe for waiting in self._open.values() for probe in waiting.values()]
            return min((probe.began for probe in probes if not probe.published), default=time.monotonic())

    def state(self) -> str:
        """For a failure: what is still on its way."""
        now = time.monotonic()
        with self.lock:
            lines = []
            for conversation, waiting in self._open.items():
                if waiting:
                    serial, probe = next(iter(waiting.items()))
                    readers = "".join("." if moment else "!" for moment in probe.read)
                    lines.append(
                        f"{self.workload.thread(conversation)}.{serial} {now - probe.began:.1f} s "
                        f"{'published' if probe.published else 'NOT PUBLISHED'} readers {readers}")
            return "; ".join(lines)
