"""The system under test: redis-server, two pools of workers, two pools of edges; started, killed, started again."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from findings import Findings
from gate import Gate
from logs import check_log
from network import Network
from processes import child_id, children, command, free_port, send_signal, with_variable
from redisserver import PASSWORD, USERS, RedisServer
from service import Service
from workload import API_KEY, PARTITIONS, STAGES

ECHO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo.py")
CONFIGURATION = """\
partitions: {partitions}
lease: 3s
stages:
  - validate: {{ duplicate_window: 1d, duplicate_keys: 4000000 }}
  - moderate: {{ author_rate: 20000/min }}
  - format
{echo}  - route
  - publish: {{ history: {history} }}
edge:
  public: [thread, forum, user, post]
  api_keys: [{{ name: chaos, env: CHAOS_API_KEY }}]
  api_rate: none
"""


@dataclass(frozen=True)
class Shape:
    """What all processes of a pipeline must agree on."""

    partitions: int = PARTITIONS
    has_echo: bool = True

    @property
    def stages(self) -> list[str]:
        return [stage for stage in STAGES if self.has_echo or stage != "echo"]

    def __str__(self) -> str:
        return f"{self.partitions} partitions, {'with' if self.has_echo else 'without'} echo"


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
        #: Before all producers.
        self.gate = Gate()
        #: While this file exists, the programs of the stage `echo` do not answer a line that contains what it contains.
        self.hold = os.path.join(folder, "hold")
        self._configuration = os.path.join(folder, "tidings.yaml")
        self.shape = Shape()
        self.history = history
        self.configure()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
        self._environment = {
            **plain, "TIDINGS_CONFIG": self._configuration, "TIDINGS_LOG": "info", "CHAOS_API_KEY": API_KEY}
        self.ports = [free_port(), free_port()]
        self._closing = threading.Event()
        #: Between the second pool of each kind and Redis.
        self.work_network, self.edge_network = Network(self.redis.port), Network(self.redis.port)
        # One pool of each kind over the unix socket, one over TCP.
        self._local = f"unix://{self.redis.socket}"
        self.works = [
            self._service("work-1", ["work", "--workers", "2"], self._local),
            self._service("work-2", ["work", "--workers", "2"], self._remote(self.work_network)),
        ]
        edge = ["edge", "--workers", "2", "--hold", "2", "--drain", str(self.DRAIN), "--listen"]
        self.edges = [
            self._service("edge-1", [*edge, f"127.0.0.1:{self.ports[0]}"], self._local),
            self._service("edge-2", [*edge, f"127.0.0.1:{self.ports[1]}"], self._remote(self.edge_network)),
        ]
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    @property
    def services(self) -> list[Service]:
        return self.works + self.edges

    @staticmethod
    def _remote(network: Network) -> str:
        return f"redis://{USERS[1]}:{PASSWORD}@127.0.0.1:{network.port}"

    def configure(self, shape: Shape | None = None, history: int | None = None) -> None:
        """Writes the file that processes read when they start, and on SIGHUP."""
        self.shape = shape or self.shape
        self.history = history or self.history
        echo = f"  - echo: {{ exec: [{sys.executable}, -B, {ECHO}, {self.hold}], timeout: 1m }}\n"
        with open(self._configuration + ".new", "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(
                partitions=self.shape.partitions, echo=echo if self.shape.has_echo else "", history=self.history))
        os.rename(self._configuration + ".new", self._configuration)

    def _service(self, name: str, words: list[str], address: str) -> Service:
        log = os.path.join(self.folder, name + ".log")

        def start() -> "subprocess.Popen[bytes]":
            with open(log, "ab") as file:
                return subprocess.Popen(
                    [self.binary, *words], env={**self._environment, "TIDINGS_REDIS": address},
                    stdin=subprocess.DEVNULL, stdout=file, stderr=file)

        return Service(name, log, start, self.findings)

    def run(self, words: list[str]) -> "subprocess.CompletedProcess[str]":
        """A command of `tidings`, run to its end."""
        environment = {**self._environment, "TIDINGS_REDIS": self._local}
        try:
            return subprocess.run(
                [self.binary, *words], env=environment, capture_output=True, text=True, timeout=60,
                stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            self.findings.add("hangs", f"tidings {words[0]} does not end within 60 s")
            return subprocess.CompletedProcess(words, -1, "", "no end within 60 s")

    @staticmethod
    def processes_of(services: list[Service]) -> list[int]:
        return [pid for service in services if service.is_running for pid in children(service.pid) if child_id(pid)]

    def workers(self) -> list[int]:
        return self.processes_of(self.works)

    def edge_processes(self) -> list[int]:
        return self.processes_of(self.edges)

    def readiness(self, port: int) -> tuple[int, str]:
        """What one of the edges at a port answers to `/ready`; 0: nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
        try:
            connection.request("GET", "/ready")
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def are_ready(self, ready: bool, within: float) -> str | None:
        """Waits until all edges say that they are ready, or that they are not; else tells what one says.

        A port has two processes: it has to give the same answer some times in a row, over new connections."""
        end, rows, said = time.monotonic() + within, dict.fromkeys(self.ports, 0), ""
        while min(rows.values()) < 8:
            for port in rows:
                status, text = self.readiness(port)
                if (status == 200) == ready and status in (200, 503):
                    rows[port] += 1
                else:
                    rows[port], said = 0, f"{status} {text}"
            if time.monotonic() > end:
                return said
            time.sleep(0.02)
        return None

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
        self.work_network.end()
        self.edge_network.end()
