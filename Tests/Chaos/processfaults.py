"""Processes are killed, stopped, replaced."""

from __future__ import annotations

import binascii
import os
import signal
import time

from faulttools import Course, FaultTools
from processes import child_id, send_signal
from service import Service


class ProcessFaults(FaultTools):
    """Nothing is lost by these, and no reader is told that it may have missed something."""

    DECK = {
        "worker killed": 4,
        "work supervisor killed": 2,
        "work supervisor stopped": 1,
        "work pool replaced (TERM)": 1,
        "work pool renewed (HUP)": 1,
        "worker stopped": 2,
        "worker stopped, its leases ended": 2,
        "edge killed": 2,
        "edge stopped": 2,
        "edge supervisor killed": 1,
        "edge supervisor stopped": 1,
        "edge pool replaced (TERM)": 1,
        "edge pool renewed (HUP)": 1,
    }
    #: A worker that hangs for longer than its lease.
    BEYOND = "worker stopped beyond its lease"
    #: These take longer than a short run has. The pools are whole hosts that stand still.
    LONG = {
        BEYOND: 1,
        "edge stopped beyond its heartbeat": 1,
        "work pool stopped beyond its leases": 1,
        "edge pool stopped beyond its heartbeat": 1,
        "workers stopped in turn over a slow event": 1,
    }

    def _kill(self, pid: int | None) -> Course:
        return (0.0 if pid is not None and send_signal(pid, signal.SIGKILL) else None), None

    def _stop_one(self, pids: list[int], seconds: float) -> Course:
        pid = self._pick(pids)
        return (None, None) if pid is None else self._stop([pid], seconds)

    def _worker_killed(self) -> Course:
        return self._kill(self._pick(self.system.workers()))

    def _edge_killed(self) -> Course:
        return self._kill(self._pick(self.system.edge_processes()))

    def _worker_stopped(self) -> Course:
        return self._stop_one(self.system.workers(), self._some(0.1, 3.0))

    def _worker_stopped_beyond_its_lease(self) -> Course:
        return self._stop_one(self.system.workers(), self.random.uniform(4.0, 25.0))

    def _worker_stopped_its_leases_ended(self) -> Course:
        """What a worker finds that was given up: another one has its lanes, and it comes back with the old token."""
        pid = self._pick(self.system.workers())
        if pid is None:
            return None, None
        owner = child_id(pid)
        lasts, end = self._stop([pid], self._some(0.1, 2.0))
        if lasts is not None and owner is not None:
            self._ask("FCALL", "tidings_leave", 0, "comments", owner)
        return lasts, end

    def _edge_stopped(self) -> Course:
        return self._stop_one(self.system.edge_processes(), self._some(0.1, 3.0))

    def _edge_stopped_beyond_its_heartbeat(self) -> Course:
        return self._stop_one(self.system.edge_processes(), self.random.uniform(5.0, 20.0))

    def _stop_pool(self, service: Service) -> Course:
        if not service.has_started:
            return None, None
        return self._stop(service.all_processes(), self.random.uniform(5.0, 12.0))

    def _work_pool_stopped_beyond_its_leases(self) -> Course:
        return self._stop_pool(self.random.choice(self.system.works))

    def _edge_pool_stopped_beyond_its_heartbeat(self) -> Course:
        return self._stop_pool(self.random.choice(self.system.edges))

    def _workers_stopped_in_turn_over_a_slow_event(self) -> Course:
        """Whoever works on the head of one lane is stopped past its lease, one after the other, until one is left.
        Nobody died, and the event is innocent."""
        if self._ends or not self.system.shape.has_echo:
            return None, None
        thread = self.prober.workload.thread(self.random.choice(self.prober.workload.probes))
        partition = binascii.crc_hqx(thread.encode(), 0) % self.system.shape.partitions
        lane = f"{{comments.{partition}}}:lane:echo"
        halted: list[int] = []
        with open(self.system.hold + ".new", "w", encoding="ascii") as file:
            file.write(f'"{thread}"')
        os.rename(self.system.hold + ".new", self.system.hold)
        try:
            time.sleep(0.5)
            while len(halted) < 3:
                pid = self._next_owner(lane, halted)
                if pid is None or not send_signal(pid, signal.SIGSTOP):
                    break
                halted.append(pid)
            self._next_owner(lane, halted)
        finally:
            os.unlink(self.system.hold)
            time.sleep(0.5)
            self._proceed(halted)
        return (0.0 if halted else None), None

    def _next_owner(self, lane: str, halted: list[int]) -> int | None:
        """The process that has taken the lane over and has begun its next event."""
        end = time.monotonic() + 15.0
        while time.monotonic() < end:
            owner = self._ask("HGET", lane, "owner")
            for pid in self.system.workers():
                if pid not in halted and isinstance(owner, bytes) and child_id(pid) == owner.decode():
                    time.sleep(0.5)
                    return pid
            time.sleep(0.05)
        return None

    def _work_supervisor_killed(self) -> Course:
        self.random.choice(self.system.works).kill()
        return 0.0, None

    def _edge_supervisor_killed(self) -> Course:
        self.random.choice(self.system.edges).kill()
        return 0.0, None

    def _stop_supervisor(self, service: Service) -> Course:
        """Its children work on without it; who dies meanwhile is buried and started again when it goes on."""
        return self._stop([service.pid], self._some(0.1, 3.0)) if service.has_started else (None, None)

    def _work_supervisor_stopped(self) -> Course:
        return self._stop_supervisor(self.random.choice(self.system.works))

    def _edge_supervisor_stopped(self) -> Course:
        return self._stop_supervisor(self.random.choice(self.system.edges))

    def _work_pool_renewed(self) -> Course:
        return (0.0 if self.random.choice(self.system.works).renew() else None), None

    def _edge_pool_renewed(self) -> Course:
        return (0.0 if self.random.choice(self.system.edges).renew() else None), None

    def _replace(self, service: Service, within: float) -> Course:
        # A stopped process cannot end in order.
        if self._ends or not service.has_started:
            return None, None
        return (None if service.terminate(within) is None else 0.0), None

    def _work_pool_replaced(self) -> Course:
        return self._replace(self.random.choice(self.system.works), 20.0)

    def _edge_pool_replaced(self) -> Course:
        return self._replace(self.random.choice(self.system.edges), 20.0)
