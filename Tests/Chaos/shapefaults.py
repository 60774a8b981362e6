"""What operators change: the length of histories, the number of partitions, the stages."""

from __future__ import annotations

import signal
import threading
import time

from faulttools import Course, FaultTools
from processes import send_signal
from reconcile import queues
from resp import ConnectionLost, Redis, ReplyError
from service import Service
from system import Shape


class ShapeFaults(FaultTools):
    """Nothing is lost by these. A reader that is behind what a shorter history keeps is told."""

    DECK = {"history lowered": 1, "history raised": 1, "shape changed": 1}
    LONG = {"shape changed, a host stopped": 1}
    #: So long after the last heartbeat of a process another shape may take the place of its own.
    FORGOTTEN = 16.0

    def _history(self, lengths: list[int]) -> Course:
        """One pool gets it first: for a while two lengths are in use."""
        if not lengths:
            return None, None
        length = self.random.choice(lengths)
        first, second = self.random.sample(self.system.works, 2)
        self.system.configure(history=length)
        self.auditor.histories.append(length)
        first.renew()
        return self._some(0.5, 3.0), second.renew

    def _history_lowered(self) -> Course:
        return self._history([length for length in (100, 200) if length < self.system.history])

    def _history_raised(self) -> Course:
        return self._history([length for length in (500, 1000, 2000) if length > self.system.history])

    def _shape_changed(self) -> Course:
        return self._reshape([])

    def _shape_changed_a_host_stopped(self) -> Course:
        """A pool of workers and one of edges stand still meanwhile. When they continue they have the old shape: they
        must refuse, and must put nothing where nobody looks."""
        number = self.random.randrange(2)
        return self._reshape([self.system.works[number], self.system.edges[number]])

    def _reshape(self, asleep: list[Service]) -> Course:
        system = self.system
        if self._ends or not all(service.has_started for service in system.services):
            return None, None
        if not system.gate.close(20.0) or not self._wait_empty(20.0):
            system.gate.open()
            return None, None
        others = [service for service in system.services if service not in asleep]
        for service in system.services:
            service.is_held = True
        halted = [pid for service in asleep for pid in service.all_processes() if send_signal(pid, signal.SIGSTOP)]
        shapes = [Shape(p, echo) for p in (4, 8) for echo in (True, False)]
        shape = self.random.choice([shape for shape in shapes if shape != system.shape])
        self._end(others)
        system.configure(shape=shape)
        if asleep:
            time.sleep(self.FORGOTTEN)
        for service in others:
            service.start_again()
        # Events at an inlet of a partition would stand in the way of the new shape.
        if not self._wait_agreed(shape, 30.0):
            self.findings.add("stuck", f"no process works with {shape} within 30 s")
        system.gate.open()
        if asleep:
            time.sleep(2.0)
            self._proceed(halted)
            time.sleep(4.0)
            self._end(asleep)
            for service in asleep:
                service.start_again()
        self._look_for_stranded(shape)
        return 0.0, None

    def _end(self, services: list[Service]) -> None:
        enders = [threading.Thread(target=service.terminate, args=(25.0,)) for service in services]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    def _waiting(self, keys: list[str]) -> dict[str, int]:
        client = Redis(self.system.redis.socket, timeout=10.0)
        try:
            return {key: count for key, count in zip(keys, client.pipeline([("LLEN", key) for key in keys])) if count}
        finally:
            client.close()

    def _wait_empty(self, within: float) -> bool:
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                if not self._waiting(queues()):
                    return True
            except (ConnectionLost, ReplyError):
                pass
            time.sleep(0.02)
        return False

    def _wait_agreed(self, shape: Shape, within: float) -> bool:
        end, wanted = time.monotonic() + within, ",".join(shape.stages)
        while time.monotonic() < end:
            known = self._ask("HMGET", "comments:config", "partitions", "stages")
            if known == [str(shape.partitions).encode(), wanted.encode()]:
                return True
            time.sleep(0.02)
        return False

    def _look_for_stranded(self, shape: Shape) -> None:
        seen = set(queues(shape.partitions, shape.stages))
        stranded = self._waiting([key for key in queues() if key not in seen])
        if stranded:
            self.findings.add("stranded", f"after a change to {shape}: {stranded}", sum(stranded.values()))
