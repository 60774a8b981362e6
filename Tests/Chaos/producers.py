"""Three kinds of producers: RPUSH by a stranger, POST to an edge, and `tidings enqueue`.

Each sends the next events of a conversation only when the ones before were accepted, and repeats the very same bytes
for as long as it does not know that: repeats are the pipeline's to recognise."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import threading
import time
from typing import Callable

from findings import Findings
from gate import Gate
from ledger import Ledger
from resp import ConnectionLost, Redis, ReplyError
from workload import API_KEY, LEAST_PARTITIONS, Workload

Batch = list[tuple[int, int]]


class Producer(threading.Thread):
    """Sends events of its conversations at about `rate` a second until told to stop."""

    #: Nothing accepted for so many seconds is a failure of its own.
    PATIENCE = 90.0
    #: So many answers in one are taken for lost.
    DEAF = 0.02

    def __init__(
        self, name: str, conversations: list[int], rate: float, gate: Gate, workload: Workload, ledger: Ledger,
        findings: Findings
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.gate = gate
        self.conversations = conversations
        self.rate = rate
        self.workload = workload
        self.ledger = ledger
        self.findings = findings
        self.random = random.Random(f"{workload.seed}/{name}")
        self.halt = threading.Event()
        self.largest = 20

    def run(self) -> None:
        due = time.monotonic()
        while not self.halt.is_set() and self.conversations:
            batch = self._next_batch()
            started = time.monotonic()
            if not self._until_accepted(batch):
                self.findings.add("not accepted", f"{self.name}: nothing taken for {self.PATIENCE:.0f} s")
                return
            now = time.monotonic()
            for conversation, serial in batch:
                self.ledger.accept(conversation, serial, started, now)
            # After an outage the backlog comes faster, for a while.
            due = max(due + len(batch) / self.rate, now - 1.0)
            self.halt.wait(max(0.0, due - now))

    def _next_batch(self) -> Batch:
        serials: dict[int, int] = {}
        batch: Batch = []
        for _ in range(self.random.randint(1, self.largest)):
            conversation = self.random.choice(self.conversations)
            serial = serials.get(conversation, self.ledger.next_serial(conversation))
            serials[conversation] = serial + 1
            batch.append((conversation, serial))
        return batch

    def _until_accepted(self, batch: Batch) -> bool:
        """Repeats the batch until it is in. The halt does not end it: an event is never left with its fate unknown."""
        end = time.monotonic() + self.PATIENCE
        payloads = [self.workload.event(*event) for event in batch]
        while time.monotonic() < end:
            with self.gate:
                problem = self.attempt(batch, payloads)
                # What was sent last before the gate closes is sent again behind it: repeats across a change of shape.
                is_deaf = self.gate.is_closed or self.random.random() < self.DEAF
            if problem is None:
                if not is_deaf:
                    return True
                problem = "answer not heard"
            self.ledger.repeated(problem)
            time.sleep(self.random.uniform(0.01, 0.1))
        return False

    def attempt(self, batch: Batch, payloads: list[bytes]) -> str | None:
        """Sends all once; None: accepted, else why not, in a few words."""
        raise NotImplementedError


class Pusher(Producer):
    """Knows nothing of Tidings but the name of a list."""

    def __init__(self, socket: str, partitioned: bool, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.redis = Redis(socket)
        self.partitioned = partitioned
        self._done: set[str] = set()

    def _next_batch(self) -> Batch:
        self._done = set()
        return super()._next_batch()

    def attempt(self, batch: Batch, payloads: list[bytes]) -> str | None:
        doors: dict[str, list[bytes]] = {}
        for (conversation, _), payload in zip(batch, payloads):
            # Any door will do, but always the same one: order between two doors is nobody's promise.
            partition = conversation % LEAST_PARTITIONS
            door = f"{{comments.{partition}}}:incoming" if self.partitioned else "comments:incoming"
            doors.setdefault(door, []).append(payload)
        try:
            for door, events in doors.items():
                if door not in self._done:
                    self.redis("RPUSH", door, *events)
                    self._done.add(door)
            self._done = set()
        except ReplyError as error:
            return "RPUSH " + error.code
        except ConnectionLost:
            return "RPUSH unanswered"
        return None


class Poster(Producer):
    """POST /v1/comments: one object, or several lines."""

    def __init__(self, ports: list[int], *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.ports = ports
        self._connection: http.client.HTTPConnection | None = None
        self._turn = self.random.randrange(len(ports))

    def _next_batch(self) -> Batch:
        self.largest = self.random.choice([1, 1, 20])
        return super()._next_batch()

    def attempt(self, batch: Batch, payloads: list[bytes]) -> str | None:
        try:
            if self._connection is None:
                port = self.ports[self._turn % len(self.ports)]
                self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
            kind = "application/json" if len(payloads) == 1 else "application/x-ndjson"
            body = b"\n".join(payloads)
            self._connection.request("POST", "/v1/comments", body, {"Content-Type": kind, "X-Api-Key": API_KEY})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._forget()
            return "POST unanswered"
        if answer.status == 202:
            wanted = [self.workload.identity(*event)[0] for event in batch]
            if json.loads(content)["ids"] != wanted:
                self.findings.add("wrong answer", f"POST 202 {content[:200]!r}, wanted {wanted}")
            return None
        if answer.status != 503:
            self.findings.add("wrong answer", f"POST {answer.status} {content[:200]!r}")
        elif answer.getheader("Retry-After") is None:
            self.findings.add("wrong answer", "POST 503 without Retry-After")
        return f"POST {answer.status}"

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._turn += 1


class Enqueuer(Producer):
    """`tidings enqueue FILE`. The run of the program is passed in; it gives exit code, output and errors."""

    #: How an error begins that tells of a right that was taken away; that is exit 1.
    NO_RIGHT = re.compile("NOPERM|may not|permission")

    def __init__(
        self, run: Callable[[list[str]], "subprocess.CompletedProcess[str]"], folder: str, *arguments: object
    ) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.program = run
        self.file = os.path.join(folder, f"{self.name}.ndjson")
        self.largest = 150

    def attempt(self, batch: Batch, payloads: list[bytes]) -> str | None:
        with open(self.file, "wb") as file:
            file.write(b"".join(payload + b"\n" for payload in payloads))
        # Small batches: a run that is interrupted has some of the file in.
        result = self.program(["enqueue", self.file, "--json", "--batch", str(self.random.choice([5, 50, 500]))])
        if result.returncode == 0:
            counts = json.loads(result.stdout)
            if (counts["enqueued"], counts["bad"]) != (len(batch), 0):
                self.findings.add("wrong answer", f"enqueue of {len(batch)}: {result.stdout.strip()}")
            return None
        if result.returncode != 75 and not (result.returncode == 1 and self.NO_RIGHT.search(result.stderr)):
            self.findings.add("wrong answer", f"enqueue exit {result.returncode}: {result.stderr.strip()[-300:]}")
        return f"enqueue exit {result.returncode}"
