"""The redis-server of the test, whose clock can be stepped, and another one that is an older master."""

from __future__ import annotations

import glob
import os
import random
import signal
import subprocess
import threading
import time
from collections import deque

from findings import Findings
from processes import free_port, send_signal
from resp import LOGIN, ConnectionLost, Redis, ReplyError, Word

#: The users: `default` without a password for the pool over the unix socket, `tidings` for the one over TCP, and one
#: for this suite, which keeps its rights.
USERS = ["default", "tidings"]
PASSWORD = "secret"


def clock_library() -> str | None:
    """libfaketime, which gives a program a clock that can be stepped."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


class RedisServer:
    """A redis-server with an append-only file, on a unix socket and a loopback port.

    With `fsync` everysec a kill stands for a loss of power: what was written in the last part of a second before it is
    cut off the file, as a disk may lose it."""

    #: A loss of power takes up to a second; the kill is noticed a little later.
    POWER = 2.0

    def __init__(self, folder: str, fsync: str, seed: int, findings: Findings) -> None:
        self.folder = folder
        self.fsync = fsync
        self.socket = os.path.join(folder, "redis.sock")
        self.port = free_port()
        self.random = random.Random(f"{seed}/redis")
        self.findings = findings
        #: Times within which the server may have lost what it had accepted: what was being sent or known to be in.
        self.losses: list[tuple[float, float]] = []
        #: The moments from which on its data may be other data, so that a new epoch is due.
        self.turns: list[float] = []
        #: How far its clock is from the true one, in seconds.
        self.clock = 0.0
        #: What was done before this moment is on the disk.
        self._settled = 0.0
        self._sizes: deque[tuple[float, str, int]] = deque(maxlen=400)
        self._expects_end = False
        self._lock = threading.Lock()
        self._clock_file = os.path.join(folder, "clock")
        self.rights = os.path.join(folder, "users.acl")
        with open(self.rights, "w", encoding="utf-8") as file:
            file.write("user default on nopass ~* &* +@all\n")
            file.write(f"user {USERS[1]} on >{PASSWORD} ~* &* +@all\n")
            file.write(f"user {LOGIN[0]} on >{LOGIN[1]} ~* &* +@all\n")
        self.step_clock(0.0)
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

    def step_clock(self, seconds: float) -> None:
        """Its clock goes on from so many seconds later, or earlier; also after a restart."""
        self.clock += seconds
        with open(self._clock_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{self.clock:+.3f}\n")
        os.rename(self._clock_file + ".new", self._clock_file)

    def kill_and_restart(self, pause: float) -> None:
        """kill -9, `pause` seconds of nothing, a new start on the same file."""
        with self._lock:
            self._process.kill()
            self._process.wait()
            killed = time.monotonic()
            self.turns.append(killed)
            if self.fsync != "always":
                self.losses.append((killed - self.POWER, killed))
                self._cut(max(killed - self.random.uniform(0.0, 1.0), self._settled))
            time.sleep(pause)
            self._process = self._launch()

    def take_back(self, since: float, began: float, until: float) -> None:
        """Notes that all it took from `since` to `until` may be lost, by what was done from `began` on."""
        self.losses.append((since, until))
        self.turns.append(began)
        self._settled = until

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
        words += ["--aclfile", self.rights, "--masteruser", LOGIN[0], "--masterauth", LOGIN[1]]
        # A snapshot goes straight to the replica: its first wait for more replicas would only cost time.
        words += ["--repl-diskless-sync-delay", "0"]
        # The C library's malloc in place of jemalloc, which asks for the time before libfaketime is ready.
        clock = {
            "LD_PRELOAD": f"{clock_library()}:libc.so.6", "FAKETIME_TIMESTAMP_FILE": self._clock_file,
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return subprocess.Popen(
            [str(word) for word in words], env={**os.environ, **clock}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

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


class OlderMaster:
    """A second server: it gets the data of the first once, and is a master of its own from then on."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.port = free_port()
        self.socket = os.path.join(server.folder, "older.sock")
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket]
        words += ["--dir", server.folder, "--dbfilename", "older.rdb", "--save", "", "--appendonly", "no"]
        words += ["--logfile", os.path.join(server.folder, "older.log"), "--masteruser", LOGIN[0]]
        words += ["--masterauth", LOGIN[1], "--repl-diskless-load", "swapdb", "--repl-diskless-sync-delay", "0"]
        words += ["--aclfile", server.rights]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        #: The moment of its data; None: it did not get any.
        self.since: float | None = None
        began = time.monotonic()
        if self._follow(self.socket, server.port, 15.0):
            # What was known to be in before this began is in its data.
            self.since = began

    def take_over(self, within: float) -> bool:
        """The first server gets this one's data, and is a master again. No connection of a client is cut."""
        done, end = self._follow(self.server.socket, self.port, within), time.monotonic() + within
        # Until it has written a new file, a restart would bring back the data that it had before.
        while done and time.monotonic() < end:
            info = ask_until(self.server.socket, end, "INFO", "persistence")
            if isinstance(info, bytes) and b"aof_rewrite_in_progress:0" in info and b"aof_rewrite_scheduled:0" in info:
                return True
            time.sleep(0.01)
        return False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    @staticmethod
    def _follow(socket: str, port: int, within: float) -> bool:
        """Makes the server at the socket a replica of that at the port, and a master again once it has the data."""
        end, done = time.monotonic() + within, False
        while time.monotonic() < end and not done:
            done = ask_until(socket, end, "REPLICAOF", "127.0.0.1", port) is not None
            while done and time.monotonic() < end:
                info = ask_until(socket, end, "INFO", "replication")
                if isinstance(info, bytes) and b"master_link_status:up" in info:
                    return ask_until(socket, end + 30.0, "REPLICAOF", "NO", "ONE") is not None
                time.sleep(0.005)
        ask_until(socket, end + 30.0, "REPLICAOF", "NO", "ONE")
        return False


def ask_until(socket: str, end: float, *words: Word) -> object | None:
    """One command, repeated until it is answered; None: not until then."""
    client = Redis(socket, timeout=10.0)
    try:
        while time.monotonic() < end:
            try:
                return client(*words)
            except (ReplyError, ConnectionLost):
                time.sleep(0.01)
        return None
    finally:
        client.close()
