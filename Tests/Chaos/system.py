"""The system under test: redis-server, two pools of workers, two pools of edges; started, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

from findings import Findings
from logs import check_log
from processes import child_id, children, command, free_port, send_signal, with_variable
from redisserver import RedisServer
from service import Service

CONFIGURATION = """\
lease: 3s
stages:
  - validate: {{ duplicate_window: 1d, duplicate_keys: 4000000 }}
  - moderate: {{ author_rate: 1000/min }}
  - format
  - echo: {{ exec: [cat], timeout: 1m }}
  - route
  - publish: {{ history: {history} }}
edge: {{ public: [thread, forum, user, post] }}
"""


class System:
    """All processes together."""

    DRAIN = 1
    #: As long as an orphan has to end in order; a hanging one is ended by the kernel then.
    ORPHANS = 20.0

    def __init__(self, binary: str, folder: str, seed: int, fsync: str, history: int, findings: Findings) -> None:
        self.binary = binary
        self.folder = folder
        self.findings = findings
        self.redis = RedisServer(folder, fsync, seed, findings)
        if not self.redis.wait_ready():
            raise RuntimeError(f"redis-server does not start, see {folder}/redis.log")
        configuration = os.path.join(folder, "tidings.yaml")
        self._configuration = configuration
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

        return Service(name, log, start, self.findings)

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
        return [pid for service in self.works if service.is_running for pid in children(service.pid) if child_id(pid)]

    def edge_processes(self) -> list[int]:
        return [pid for service in self.edges if service.is_running for pid in children(service.pid) if child_id(pid)]

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

    def leftovers(self) -> list[int]:
        """What still runs of all that the pools have started, children of killed supervisors among them."""
        return with_variable("TIDINGS_CONFIG", self._configuration)

    def check_end(self) -> None:
        """After :meth:`end`: nobody is left, and nobody died otherwise than by a fault."""
        end = time.monotonic() + self.ORPHANS
        while self.leftovers() and time.monotonic() < end:
            time.sleep(0.1)
        for pid in self.leftovers():
            self.findings.add("left over", f"{pid} still runs: {command(pid)[:200]}")
        for service in self.services:
            check_log(service.log, self.findings)

    def destroy(self) -> None:
        self._closing.set()
        self._keeper.join(5)
        for service in self.services:
            service.destroy()
        for pid in self.leftovers():
            send_signal(pid, signal.SIGKILL)
        self.redis.end()
