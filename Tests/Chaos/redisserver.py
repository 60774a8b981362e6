"""The redis-server of the test."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import deque

from findings import Findings
from processes import free_port, send_signal
from resp import ConnectionLost, Redis, ReplyError


class RedisServer:
    """A redis-server with an append-only file, on a unix socket and a loopback port.

    With `fsync` everysec a kill stands for a loss of power: what was written in the last part of a second before it is
    cut off the file, as a disk may lose it."""

    def __init__(self, folder: str, fsync: str, seed: int, findings: Findings) -> None:
        self.folder = folder
        self.fsync = fsync
        self.socket = os.path.join(folder, "redis.sock")
        self.port = free_port()
        self.random = random.Random(f"{seed}/redis")
        self.findings = findings
        #: The moments at which it was killed.
        self.kills: list[float] = []
        self._sizes: deque[tuple[float, str, int]] = deque(maxlen=400)
        self._expects_end = False
        self._lock = threading.Lock()
        self._process = self._launch()
        if fsync != "always":
            threading.Thread(target=self._watch_file, name="aof", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def control(self, timeout: float = 5.0) -> Redis:
        return Redis(self.socket, timeout)

    def wait_ready(self, within: float = 60.0) -> bool:
        client, end = self.control(), time.monotonic() + within
        while time.monotonic() < end:
            try:
                if client("PING") == "PONG":
                    return True
            except (ReplyError, ConnectionLost):
                time.sleep(0.01)
        return False

    def kill_and_restart(self, pause: float) -> None:
        """kill -9, `pause` seconds of nothing, a new start on the same file."""
        with self._lock:
            self._process.kill()
            self._process.wait()
            self.kills.append(time.monotonic())
            if self.fsync != "always":
                self._cut(self.kills[-1] - self.random.uniform(0.0, 1.0))
            time.sleep(pause)
            self._process = self._launch()

    def look(self) -> None:
        """Nobody else may end it."""
        with self._lock:
            if self._process.poll() is not None and not self._expects_end:
                self.findings.add("bad exit", f"redis-server ended by itself with {self._process.returncode}")
                self._process = self._launch()

    def end(self) -> None:
        self._expects_end = True
        send_signal(self.pid, signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    def _launch(self) -> "subprocess.Popen[bytes]":
        words = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--unixsocket", self.socket]
        words += ["--dir", self.folder, "--appendonly", "yes", "--appendfsync", self.fsync, "--save", ""]
        words += ["--maxmemory-policy", "noeviction", "--logfile", os.path.join(self.folder, "redis.log")]
        return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)

    def _increment(self) -> tuple[str, int] | None:
        """The part of the append-only file that grows, and its size."""
        try:
            names = os.listdir(os.path.join(self.folder, "appendonlydir"))
            parts = [(int(name.split(".")[-3]), name) for name in names if name.endswith(".incr.aof")]
            path = os.path.join(self.folder, "appendonlydir", max(parts)[1])
            return path, os.path.getsize(path)
        except (OSError, ValueError):
            return None

    def _watch_file(self) -> None:
        while not self._expects_end:
            part = self._increment()
            if part:
                self._sizes.append((time.monotonic(), *part))
            time.sleep(0.02)

    def _cut(self, since: float) -> None:
        part = self._increment()
        if part is None:
            return
        for moment, path, size in list(self._sizes):
            # Only within one file: a loss across a rewrite would have to bring the old files back.
            if moment >= since and path == part[0]:
                os.truncate(path, min(size, part[1]))
                return
