#!/usr/bin/env python3
"""Tests of the reconciler: what it must find is put there, since a check that never fails shows nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from array import array

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from auditor import Auditor  # noqa: E402
from findings import Findings  # noqa: E402
from ledger import Ledger  # noqa: E402
from logs import check_log  # noqa: E402
from memory import MemoryWatch  # noqa: E402
from processes import with_variable  # noqa: E402
from readers import Piece, PollReader  # noqa: E402
from reconcile import Reconciliation  # noqa: E402
from service import Service  # noqa: E402
from workload import PARTITIONS, Workload, index_of  # noqa: E402

CONVERSATIONS, EVENTS = 4, 40


class ReconcilerTest(unittest.TestCase):
    """A perfect world of four conversations; each test spoils one thing."""

    def setUp(self) -> None:
        self.findings = Findings()
        self.workload = Workload(1, CONVERSATIONS)
        self.ledger = Ledger(CONVERSATIONS + PARTITIONS)
        self.auditor = Auditor("/nowhere", False, 1000, self.workload, self.findings)
        self.logs = self.auditor.logs
        for serial in range(EVENTS):
            for conversation in range(CONVERSATIONS):
                self.ledger.accept(conversation, serial, float(serial), serial + 0.5)
                for channel in self.workload.channels(conversation, serial):
                    self.logs[channel].append(index_of(conversation, serial))

    def reconcile(self, losses: list[float] | None = None) -> Reconciliation:
        verdict = Reconciliation(self.workload, self.ledger, self.logs, losses or [], self.findings)
        verdict.run()
        return verdict

    def read(self, channel: str, events: "array[int]", after_reset: bool = False) -> None:
        reader = PollReader("reader", [channel], [1], self.workload, self.findings)
        reader.tracks[channel].current = Piece(after_reset)
        reader.tracks[channel].current.events.extend(events)
        self.auditor.check_pieces([reader], final=True)

    def test_a_perfect_world_has_no_findings(self) -> None:
        verdict = self.reconcile()
        self.read("thread:t0", self.logs["thread:t0"])
        self.read("thread:t0", self.logs["thread:t0"], after_reset=True)
        self.assertEqual(self.findings.counts, {})
        self.assertEqual(verdict.published, CONVERSATIONS * EVENTS)

    def test_an_event_missing_in_one_channel_only_is_lost(self) -> None:
        self.logs["forum:f0"].remove(index_of(2, 7))
        self.reconcile()
        self.assertEqual(self.findings.counts, {"lost": 1})

    def test_the_last_event_missing_is_lost(self) -> None:
        for channel in self.workload.channels(1, EVENTS - 1):
            self.logs[channel].remove(index_of(1, EVENTS - 1))
        self.reconcile()
        self.assertGreater(self.findings.count("lost"), 0)

    def test_an_event_twice_is_doubled(self) -> None:
        self.logs["thread:t3"].append(index_of(3, 5))
        self.reconcile()
        self.assertEqual(self.findings.count("doubled"), 1)

    def test_two_events_changed_about_are_disordered(self) -> None:
        log = self.logs["thread:t1"]
        log[3], log[4] = log[4], log[3]
        self.reconcile()
        self.assertEqual(self.findings.counts, {"disordered": 1})

    def test_order_counts_within_a_conversation_only(self) -> None:
        log = self.logs["forum:f0"]
        log[0], log[1] = log[1], log[0]
        self.reconcile()
        self.assertEqual(self.findings.counts, {})

    def test_an_event_in_a_channel_that_is_not_its_own_is_found(self) -> None:
        self.logs["thread:t0"].append(index_of(1, 5))
        self.reconcile()
        self.assertEqual(self.findings.counts, {"never sent": 1})

    def test_what_a_loss_of_power_took_is_told_apart(self) -> None:
        for serial in (20, 30):
            for channel in self.workload.channels(0, serial):
                self.logs[channel].remove(index_of(0, serial))
        verdict = self.reconcile(losses=[21.0])
        self.assertEqual(verdict.lost_by_server, 1)
        self.assertEqual(self.findings.count("lost"), len(self.workload.channels(0, 30)))

    def test_a_reader_without_the_first_event_is_found(self) -> None:
        self.read("thread:t0", self.logs["thread:t0"][1:])
        self.assertEqual(self.findings.counts, {"not read": 1})

    def test_a_reader_without_the_last_event_is_found(self) -> None:
        self.read("thread:t0", self.logs["thread:t0"][:-1])
        self.assertEqual(self.findings.counts, {"not read": 1})

    def test_a_reader_with_a_hole_is_found(self) -> None:
        events = self.logs["thread:t0"][:]
        del events[10]
        self.read("thread:t0", events)
        self.assertEqual(self.findings.counts, {"read wrongly": 1})

    def test_a_reader_who_got_an_event_twice_is_found(self) -> None:
        events = self.logs["thread:t0"][:]
        events.insert(11, events[10])
        self.read("thread:t0", events)
        self.assertEqual(self.findings.counts, {"read twice": 1})

    def test_a_history_after_a_reset_that_is_not_whole_is_found(self) -> None:
        self.read("thread:t0", self.logs["thread:t0"][5:], after_reset=True)
        self.assertEqual(self.findings.counts, {"not read": 5})

    def test_unescaped_markup_and_private_members_are_found(self) -> None:
        plain = self.workload.event(0, 0)
        self.assertIsNotNone(self.workload.recognise(plain)[1])


class ProcessTest(unittest.TestCase):
    """What is looked for in processes and their logs."""

    HEAD = "2026-11-28T06:00:00.000Z WARNING work: "

    def setUp(self) -> None:
        self.findings = Findings()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = os.path.join(folder.name, "work-1.log")

    def check(self, *lines: str) -> dict[str, int]:
        with open(self.log, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        check_log(self.log, self.findings)
        return self.findings.counts

    def test_kills_and_replacements_are_expected(self) -> None:
        lines = [
            'child ended, starting it again child=work-1 how="signal 9" lived_ms=812 wait_ms=13',
            'child ended too often, giving up child=work-1 deaths=21 how="signal 9" within_s=300',
            'child was replaced child=work-1 how="exit 0"', "connection lost, connecting again",
        ]
        self.assertEqual(self.check(*(self.HEAD + line for line in lines)), {})

    def test_a_child_that_crashed_or_gave_up_is_found(self) -> None:
        for how in ("signal 4", "signal 6", "signal 11", "exit 1", "exit 0", "not started"):
            line = f'child ended, starting it again child=edge-2 how="{how}" lived_ms=812 wait_ms=13'
            before = self.findings.count("child died")
            self.check(self.HEAD + line)
            self.assertEqual(self.findings.count("child died"), before + 1, how)
        self.check(self.HEAD + 'child was replaced child=work-1 how="signal 11"')
        self.assertEqual(self.findings.count("child died"), 7)

    def test_a_crash_without_a_supervisor_is_found(self) -> None:
        self.assertEqual(self.check("Pipeline/Lane.swift:7: Fatal error: Index out of range"), {"crash": 1})

    def test_a_supervisor_that_ends_for_another_reason_has_not_given_up(self) -> None:
        cases = [("cannot reach Redis", 0), ("work-1 dies again and again; see the log above", 1)]
        for words, gave_up in cases + [("bind: Address already in use", 0)]:
            self.assertEqual(self.serve(words).gave_up, gave_up)
        self.assertEqual(self.findings.counts, {"bad exit": 2})

    def test_a_port_that_a_stopped_orphan_holds_is_waited_for(self) -> None:
        self.serve("bind: Address already in use", after_kill=True)
        self.assertEqual(self.findings.counts, {})

    def serve(self, words: str, after_kill: bool = False) -> Service:
        """A supervisor that ends with 1 and these words."""
        with open(self.log, "a", encoding="utf-8") as file:
            service = Service("work-1", self.log, lambda: subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.exit('tidings: {words}')"], stderr=file), self.findings)
            service.RESTART = 0.0
            if after_kill:
                service.kill()
                service._process.wait()
                service.look()
            service._process.wait()
            service.look()
            service.destroy()
        return service

    def test_who_is_left_over_is_found_by_its_environment(self) -> None:
        orphan = subprocess.Popen(["sleep", "60"], env={**os.environ, "TIDINGS_CONFIG": self.log})
        try:
            self.assertEqual(with_variable("TIDINGS_CONFIG", self.log), [orphan.pid])
        finally:
            orphan.kill()
            orphan.wait()
        self.assertEqual(with_variable("TIDINGS_CONFIG", self.log), [])

    def test_a_worker_that_has_grown_is_found_once(self) -> None:
        watch = MemoryWatch(None, self.findings)  # type: ignore[arg-type]
        watch.LIMITS = {"worker": 1}
        for _ in range(2):
            watch.look("worker", os.getpid())
            watch.look("edge", os.getpid())
        self.assertEqual(self.findings.counts, {"memory": 1})
        self.assertGreater(watch.worst["edge"], 1024)


if __name__ == "__main__":
    unittest.main()
