"""A program under a service manager's care."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from typing import Callable

import logs
from findings import Findings
from processes import children, send_signal


class Service:
    """A program that is started again when it ends, as a service manager does it."""

    RESTART = 0.2
    #: What a supervisor says when it ends because its children died too often.
    GAVE_UP = "dies again and again"
    #: What one says whose port an edge of its killed predecessor has: one that stands still does not let go of it.
    PORT_TAKEN = "Address already in use"
    #: For so many seconds after the kill that is no wonder: stops of edges are shorter.
    PORT_HELD = 30.0
    #: What one says that finds processes of another shape, for as long as those that were killed seem to live.
    DIFFERS = "stop them first"
    LIVED = 20.0

    def __init__(
        self, name: str, log: str, start: Callable[[], "subprocess.Popen[bytes]"], findings: Findings
    ) -> None:
        self.name = name
        self.log = log
        self.findings = findings
        self._start = start
        self._log_start = logs.size(log)
        self._process = start()
        self._expected: list[int] | None = None
        self._stopping = False
        #: Whether it stays down when it has ended.
        self.is_held = False
        #: How often it ended by itself because its children died too often.
        self.gave_up = 0
        self._killed = float("-inf")
        self._reshaped = float("-inf")
        self.lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL; :meth:`look` starts it again."""
        with self.lock:
            self._expected = [-signal.SIGKILL]
            self._killed = time.monotonic()
            self._process.kill()

    @property
    def has_started(self) -> bool:
        """Whether it has children: before that it may not hear signals yet."""
        return self.is_running and bool(children(self.pid))

    def renew(self) -> bool:
        """SIGHUP: it replaces its children one by one. False: it is not up."""
        with self.lock:
            return self.has_started and send_signal(self.pid, signal.SIGHUP)

    def all_processes(self) -> list[int]:
        """The supervisor, its children, and their programs."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found

    def terminate(self, within: float) -> float | None:
        """SIGTERM, and waits for its end, which has to be exit 0. Gives the seconds it took."""
        with self.lock:
            if self._process.poll() is not None:
                return None
            self._expected = [0]
            began = time.monotonic()
            self._process.terminate()
            try:
                code = self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.findings.add("bad exit", f"{self.name} still runs {within:.0f} s after SIGTERM")
                self._process.kill()
                self._process.wait()
                return None
            if code != 0:
                self.findings.add("bad exit", f"{self.name} ended with {code} after SIGTERM, see its log")
            return time.monotonic() - began

    def start_again(self) -> None:
        """After it was held and has ended: with the configuration as it is now."""
        self._reshaped = time.monotonic()
        self.is_held = False

    def look(self) -> None:
        """Starts it again when it has ended. To be called often."""
        if self._stopping or self.is_held or not self.lock.acquire(blocking=False):
            return
        try:
            code = self._process.poll()
            if code is None:
                return
            if self._expected is None and code == 1 and self._says(self.GAVE_UP):
                self.gave_up += 1
            elif (self._expected is None and code == 1 and self._says(self.PORT_TAKEN)
                  and time.monotonic() < self._killed + self.PORT_HELD):
                pass
            elif code == 1 and time.monotonic() < self._reshaped + self.LIVED and self._says(self.DIFFERS):
                pass
            elif code not in (self._expected or []):
                self.findings.add("bad exit", f"{self.name} ended by itself with {code}, see its log")
            self._expected = None
            time.sleep(self.RESTART)
            self._log_start = logs.size(self.log)
            self._process = self._start()
        finally:
            self.lock.release()

    def _says(self, words: str) -> bool:
        return logs.says(self.log, words, self._log_start)

    def end(self, within: float) -> None:
        """The end of the test."""
        self._stopping = True
        if self.is_running:
            self.terminate(within)

    def destroy(self) -> None:
        self._stopping = True
        for pid in reversed(self.all_processes()):
            send_signal(pid, signal.SIGCONT)
            send_signal(pid, signal.SIGKILL)
        self._process.wait()
