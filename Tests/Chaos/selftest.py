#!/usr/bin/env python3
"""Tests of the reconciler: what it must find is put there, since a check that never fails shows nothing."""

from __future__ import annotations

import os
import sys
import unittest
from array import array

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from auditor import Auditor  # noqa: E402
from findings import Findings  # noqa: E402
from ledger import Ledger  # noqa: E402
from readers import Piece, PollReader  # noqa: E402
from reconcile import Reconciliation  # noqa: E402
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


if __name__ == "__main__":
    unittest.main()
