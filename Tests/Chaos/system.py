"""The system under test: redis-server, two pools of workers, two pools of edges; started, killed, started again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from typing import Callable

from findings import Findings
from resp import ConnectionLost, Redis, ReplyError

CONFIGURATION = """\
lease: 3s
stages:
  - validate: {{ duplicate_window: 1d, duplicate_keys: 4000000 }}
  - moderate: {{ author_rate: none }}
  - format
  - route
  - publish: {{ history: {history} }}
edge: {{ public: [thread, forum, user, post] }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(parent: int) -> list[int]:
    """The live children of a process, oldest first."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] not in (b"Z", b"X"):
                found.append(int(entry))
    return sorted(found)


def child_id(pid: int) -> str | None:
    """The name under which a worker or an edge stands in Redis."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode().split("\0")
        return words[words.index("--child") + 1]
    except (OSError, ValueError, IndexError):
        return None


def send_signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Service:
    """A program that is started again when it ends, as a service manager does it."""

    RESTART = 0.2

    def __init__(self, name: str, start: Callable[[], "subprocess.Popen[bytes]"], findings: Findings) -> None:
        self.name = name
        self.findings = findings
        self._start = start
        self._process = start()
        self._expected: list[int] | None = None
        self._stopping = False
        #: How often it ended by itself because its children died too often.
        self.gave_up = 0
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
            self._process.kill()

    def terminate(self, within: float) -> float | None:
        """SIGTERM, and waits for its end, which has to be exit 0. Gives the seconds it took."""
        with self.lock:
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

    def look(self) -> None:
        """Starts it again when it has ended. To be called often."""
        if self._stopping or not self.lock.acquire(blocking=False):
            return
        try:
            code = self._process.poll()
            if code is None:
                return
            if self._expected is None and code == 1:
                self.gave_up += 1
            elif code not in (self._expected or []):
                self.findings.add("bad exit", f"{self.name} ended by itself with {code}, see its log")
            self._expected = None
            time.sleep(self.RESTART)
            self._process = self._start()
        finally:
            self.lock.release()

    def end(self, within: float) -> None:
        """The end of the test."""
        self._stopping = True
        if self.is_running:
            self.terminate(within)

    def destroy(self) -> None:
        self._stopping = True
        for pid in children(self._process.pid) + [self._process.pid]:
            send_signal(pid, signal.SIGCONT)
            send_signal(pid, signal.SIGKILL)
        self._process.wait()


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


class System:
    """All processes together."""

    DRAIN = 1

    def __init__(self, binary: str, folder: str, seed: int, fsync: str, history: int, findings: Findings) -> None:
        self.binary = binary
        self.folder = folder
        self.findings = findings
        self.redis = RedisServer(folder, fsync, seed, findings)
        if not self.redis.wait_ready():
            raise RuntimeError(f"redis-server does not start, see {folder}/redis.log")
        configuration = os.path.join(folder, "tidings.yaml")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(history=history))
        plain = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
        self._environment = {**plain, "TIDINGS_CONFIG": configuration, "TIDINGS_LOG": "info"}
        self.ports = [free_port(), free_port()]
        self._closing = threading.Event()
        self.works = [self._service(f"work-{n}", ["work", "--workers", "2"], n) for n in (1, 2)]
        self.edges = [
            self._service(
                f"edge-{n}",
                ["edge", "--workers", "2", "--listen", f"127.0.0.1:{port}", "--hold", "2", "--drain", str(self.DRAIN)],
                n,
            )
            for n, port in enumerate(self.ports, 1)
        ]
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def services(self) -> list[Service]:
        return self.works + self.edges

    def _service(self, name: str, words: list[str], number: int) -> Service:
        # One pool of each kind over the unix socket, one over TCP.
        address = f"unix://{self.redis.socket}" if number == 1 else f"redis://127.0.0.1:{self.redis.port}"
        log = os.path.join(self.folder, name + ".log")

        def start() -> "subprocess.Popen[bytes]":
            with open(log, "ab") as file:
                return subprocess.Popen(
                    [self.binary, *words], env={**self._environment, "TIDINGS_REDIS": address},
                    stdin=subprocess.DEVNULL, stdout=file, stderr=file)

        return Service(name, start, self.findings)

    def run(self, words: list[str]) -> "subprocess.CompletedProcess[str]":
        """A command of `tidings`, run to its end."""
        environment = {**self._environment, "TIDINGS_REDIS": f"unix://{self.redis.socket}"}
        try:
            return subprocess.run(
                [self.binary, *words], env=environment, capture_output=True, text=True, timeout=60,
                stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            self.findings.add("hangs", f"tidings {words[0]} does not end within 60 s")
            return subprocess.CompletedProcess(words, -1, "", "no end within 60 s")

    def workers(self) -> list[int]:
        return [pid for service in self.works if service.is_running for pid in children(service.pid)]

    def edge_processes(self) -> list[int]:
        return [pid for service in self.edges if service.is_running for pid in children(service.pid)]

    def _keep(self) -> None:
        while not self._closing.wait(0.02):
            self.redis.look()
            for service in self.services:
                service.look()

    def end(self) -> None:
        """SIGTERM to all pools, which have to end with 0; then Redis."""
        enders = [threading.Thread(target=service.end, args=(25.0,)) for service in self.services]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def destroy(self) -> None:
        self._closing.set()
        self._keeper.join(5)
        for service in self.services:
            service.destroy()
        self.redis.end()
