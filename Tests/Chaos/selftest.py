#!/usr/bin/env python3
"""Tests of the reconciler: what it must find is put there, since a check that never fails shows nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from array import array

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from announcements import Announcements  # noqa: E402
from auditor import Auditor  # noqa: E402
from faults import DECK, LONG, Faults  # noqa: E402
from findings import Findings  # noqa: E402
from gate import Gate  # noqa: E402
from ledger import Ledger  # noqa: E402
from logs import check_log  # noqa: E402
from memory import MemoryWatch  # noqa: E402
from processes import with_variable  # noqa: E402
from network import Network  # noqa: E402
from readers import Piece, PollReader  # noqa: E402
from readings import Readings  # noqa: E402
from reconcile import COUNTERS, Reconciliation  # noqa: E402
from service import Service  # noqa: E402
from workload import PARTITIONS, STAGES, Workload, index_of  # noqa: E402

CONVERSATIONS, EVENTS = 4, 40


class ReconcilerTest(unittest.TestCase):
    """A perfect world of four conversations; each test spoils one thing."""

    def setUp(self) -> None:
        self.findings = Findings()
        self.workload = Workload(1, CONVERSATIONS)
        self.ledger = Ledger(CONVERSATIONS + PARTITIONS)
        self.auditor = Auditor("/nowhere", False, [1000], self.workload, self.findings)
        self.logs = self.auditor.logs
        #: The moments at which the server's data was taken back.
        self.turns: list[float] = []
        for serial in range(EVENTS):
            for conversation in range(CONVERSATIONS):
                self.ledger.accept(conversation, serial, float(serial), serial + 0.5)
                for channel in self.workload.channels(conversation, serial):
                    self.logs[channel].append(index_of(conversation, serial))

    def reconcile(self, losses: list[tuple[float, float]] | None = None) -> Reconciliation:
        verdict = Reconciliation(
            self.workload, self.ledger, self.logs, self.auditor.flushed, losses or [], self.findings)
        verdict.run()
        return verdict

    def read(self, channel: str, events: "array[int]", after_reset: bool = False) -> None:
        self.judge(channel, [self.piece(events, after_reset=after_reset)])

    @staticmethod
    def piece(
        events: "array[int]", first: str = "1_1_1", last: str = "1_1_1", after_reset: bool = False,
        began: float = 100.0, ended: float | None = None,
    ) -> Piece:
        piece = Piece(after_reset)
        piece.events.extend(events)
        piece.first_offset, piece.last_offset, piece.began, piece.ended = first, last, began, ended
        return piece

    def judge(self, channel: str, pieces: list[Piece], epochs: dict[str, float] | None = None) -> None:
        """What a reader saw, piece by piece."""
        reader = PollReader("reader", [channel], [1], self.workload, self.findings)
        *reader.tracks[channel].closed, reader.tracks[channel].current = pieces
        reader.epochs = epochs or {"1": 0.0}
        Readings([reader], self.auditor, self.turns, self.findings).check()

    def flush(self, moment: float) -> dict[str, "array[int]"]:
        """All feeds begin anew; gives what they were."""
        before = dict(self.logs)
        for channel, log in before.items():
            self.auditor.flushed[channel] = [log]
            self.auditor.past[channel] = [log]
            self.auditor.cuts[channel] = [(moment, len(log))]
            self.logs[channel] = array("Q")
        self.turns.append(moment)
        return before

    def sums(self, passed: int) -> dict[str, dict[str, int]]:
        counts = {**dict.fromkeys(COUNTERS, 0), "in": passed, "out": passed, "emitted": passed}
        return {stage: dict(counts) for stage in STAGES}

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
        verdict = self.reconcile(losses=[(19.0, 21.0)])
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

    # Histories that are cut

    def test_a_reader_who_begins_where_the_history_was_cut_has_missed_nothing(self) -> None:
        self.auditor.floors["thread:t0"] = [(0.0, 0), (90.0, 5)]
        self.read("thread:t0", self.logs["thread:t0"][5:], after_reset=True)
        self.assertEqual(self.findings.counts, {})
        self.read("thread:t0", self.logs["thread:t0"][6:], after_reset=True)
        self.assertEqual(self.findings.counts, {"not read": 6})

    def test_a_reader_behind_the_cut_who_is_not_told_is_found(self) -> None:
        self.auditor.floors["thread:t0"] = [(0.0, 0), (90.0, 20)]
        events = self.logs["thread:t0"][:10] + self.logs["thread:t0"][20:]
        self.read("thread:t0", events)
        self.assertEqual(self.findings.counts, {"read wrongly": 1})

    def test_a_reset_behind_the_cut_only_has_a_cause(self) -> None:
        log = self.logs["thread:t0"]
        self.auditor.floors["thread:t0"] = [(0.0, 0), (90.0, 20)]
        for number, found in ((19, {}), (20, {"reset without cause": 1})):
            self.judge("thread:t0", [
                self.piece(log[:number], last=f"1_1_{number}", began=50.0, ended=100.0),
                self.piece(log[20:], after_reset=True)])
            self.assertEqual(self.findings.counts, found)

    def test_a_cut_that_is_seen_much_later_is_no_cause(self) -> None:
        log = self.logs["thread:t0"]
        self.auditor.floors["thread:t0"] = [(0.0, 0), (190.0, 20)]
        self.judge("thread:t0", [
            self.piece(log[:10], last="1_1_10", began=50.0, ended=100.0), self.piece(log, after_reset=True)])
        self.assertEqual(self.findings.counts, {"reset without cause": 1})

    def test_a_first_request_that_is_told_of_a_loss_is_found(self) -> None:
        log = self.logs["thread:t0"]
        nothing = self.piece(array("Q"), ended=50.0)
        nothing.first_offset = nothing.last_offset = None
        self.judge("thread:t0", [nothing, self.piece(log, after_reset=True)])
        self.assertEqual(self.findings.counts, {"reset without cause": 1})

    def test_a_feed_holds_what_the_shortest_history_keeps_and_no_hole(self) -> None:
        self.auditor.histories = [1000, 10, 100]
        for floor, ids, wrong in (
            (30, range(31, 41), 0), (0, range(1, 41), 0), (31, range(32, 41), 1),
            (30, [*range(31, 35), *range(36, 41)], 1),
        ):
            before = self.findings.count("gap")
            self.auditor.check_kept("thread:t0", list(ids), floor)
            self.assertEqual(self.findings.count("gap"), before + wrong, floor)

    def test_a_floor_that_falls_is_found(self) -> None:
        self.auditor._note_floor("thread:t0", 20)
        self.auditor._note_floor("thread:t0", 19)
        self.assertEqual(self.findings.counts, {"went back": 1})

    # Data that is taken back

    def test_a_new_epoch_without_a_loss_is_found(self) -> None:
        log = self.logs["thread:t0"]
        pieces = [self.piece(log[:10], ended=100.0), self.piece(log, first="2_1_1", after_reset=True)]
        self.judge("thread:t0", pieces, {"1": 0.0, "2": 100.0})
        self.assertEqual(self.findings.counts, {"reset without cause": 1})

    def test_a_new_epoch_after_a_loss_is_right_and_the_way_back_is_not(self) -> None:
        log = self.logs["thread:t0"]
        self.turns = [99.0]
        pieces = [self.piece(log[:10], ended=100.0), self.piece(log, first="2_1_1", last="2_1_1", after_reset=True)]
        self.judge("thread:t0", pieces, {"1": 0.0, "2": 100.0})
        self.assertEqual(self.findings.counts, {})
        pieces[-1].ended = 101.0
        self.judge("thread:t0", [*pieces, self.piece(log, after_reset=True)], {"1": 0.0, "2": 100.0})
        self.assertEqual(self.findings.counts, {"reset without cause": 1})

    def test_what_was_published_before_a_flush_counts(self) -> None:
        self.flush(100.0)
        verdict = self.reconcile(losses=[(98.0, 100.0)])
        self.assertEqual((self.findings.counts, verdict.published), ({}, CONVERSATIONS * EVENTS))

    def test_what_a_flush_took_on_its_way_is_told_apart(self) -> None:
        before = self.flush(39.7)
        for serial in (30, EVENTS - 1):
            for channel in self.workload.channels(0, serial):
                before[channel].remove(index_of(0, serial))
        verdict = self.reconcile(losses=[(38.0, 39.7)])
        self.assertEqual(verdict.lost_by_server, 1)
        self.assertEqual(self.findings.counts, {"lost": len(self.workload.channels(0, 30))})

    def test_an_event_published_before_and_after_a_flush_is_doubled_unless_it_was_being_sent(self) -> None:
        self.flush(39.2)
        for serial in (30, EVENTS - 1):
            for channel in self.workload.channels(0, serial):
                self.logs[channel].append(index_of(0, serial))
        self.reconcile(losses=[(38.0, 39.2)])
        self.assertEqual(self.findings.counts["doubled"], len(self.workload.channels(0, 30)))

    def test_a_reader_who_is_not_told_of_a_flush_is_found(self) -> None:
        before = self.flush(100.0)["thread:t0"]
        self.read("thread:t0", before)
        self.assertEqual(self.findings.count("read wrongly"), 1)
        self.logs["thread:t0"].extend(before[:3])
        self.read("thread:t0", before + before[:3])
        self.assertEqual(self.findings.count("read wrongly") + self.findings.count("read twice"), 2)

    def test_a_reader_who_is_told_of_a_flush_has_read_what_was_there(self) -> None:
        before = self.flush(100.0)["thread:t0"]
        self.logs["thread:t0"].extend(before[-2:])
        told = self.piece(before[-2:], first="2_1_1", after_reset=True, began=103.0)
        for events, found in ((before, {}), (before[:-3] + before[-2:], {"read wrongly": 1})):
            pieces = [self.piece(events, began=50.0, ended=102.0), told]
            self.judge("thread:t0", pieces, {"1": 0.0, "2": 102.0})
            self.assertEqual(self.findings.counts, found)

    def test_a_reader_may_have_read_what_was_lost_before_anybody_looked(self) -> None:
        log = self.logs["thread:t0"]
        lost = array("Q", [index_of(0, EVENTS + 1), index_of(0, EVENTS + 2)])
        told = self.piece(log, first="2_1_1", after_reset=True, began=103.0)
        epochs = {"1": 0.0, "2": 102.0}
        self.turns = [100.0]
        self.judge("thread:t0", [self.piece(log + lost, began=50.0, ended=102.0), told], epochs)
        self.assertEqual(self.findings.counts, {"read wrongly": 1})
        self.auditor.cuts["thread:t0"] = [(100.0, len(log))]
        self.judge("thread:t0", [self.piece(log + lost, began=50.0, ended=102.0), told], epochs)
        self.assertEqual(self.findings.counts, {"read wrongly": 1})
        self.judge("thread:t0", [self.piece(log + lost[::-1], began=50.0, ended=102.0), told], epochs)
        self.assertEqual(self.findings.counts, {"read wrongly": 2})

    # Counters

    def test_stages_got_what_the_ones_before_gave(self) -> None:
        verdict, all_events = self.reconcile(), CONVERSATIONS * EVENTS
        verdict.check_passed(self.sums(all_events))
        # As when `echo` was left out for some of them.
        left_out = self.sums(all_events)
        left_out["echo"] = {**left_out["echo"], "in": 10, "out": 10, "emitted": 10}
        verdict.check_passed(left_out)
        self.assertEqual(self.findings.counts, {})
        left_out["route"]["in"] -= 1
        verdict.check_passed(left_out)
        self.assertEqual(self.findings.counts, {"unbalanced": 1})

    def test_what_validate_let_pass_was_published(self) -> None:
        sums = self.sums(CONVERSATIONS * EVENTS + 1)
        sums["format"]["dead"] = 1
        self.reconcile().check_passed(sums)
        self.assertEqual(self.findings.counts, {})
        sums["format"]["dead"] = 0
        self.reconcile().check_passed(sums)
        self.assertEqual(self.findings.counts, {"unbalanced": 1})

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
            'child was replaced child=work-1 how="exit 0"',
            'child was replaced child=work-1 how="signal 1"', "connection lost, connecting again",
        ]
        self.assertEqual(self.check(*(self.HEAD + line for line in lines)), {})

    def test_a_child_that_crashed_or_gave_up_is_found(self) -> None:
        for how in ("signal 1", "signal 4", "signal 6", "signal 11", "exit 1", "exit 0", "not started"):
            line = f'child ended, starting it again child=edge-2 how="{how}" lived_ms=812 wait_ms=13'
            before = self.findings.count("child died")
            self.check(self.HEAD + line)
            self.assertEqual(self.findings.count("child died"), before + 1, how)
        self.check(self.HEAD + 'child was replaced child=work-1 how="signal 11"')
        self.assertEqual(self.findings.count("child died"), 8)

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


class FaultTest(unittest.TestCase):
    """What faults are made of."""

    def test_each_kind_of_fault_has_what_does_it(self) -> None:
        for kind in {**DECK, **LONG}:
            self.assertTrue(hasattr(Faults, "_" + kind.split(" (")[0].replace(" ", "_").replace(",", "")), kind)

    def test_a_short_history_is_completed_from_the_announcements_of_its_time(self) -> None:
        heard = Announcements("/nowhere")
        heard._heard = {"thread:t0": {1: b"a", 2: b"b", 3: b"c"}}
        heard.forget("thread:t0", 2)
        self.assertEqual([heard.event("thread:t0", n) for n in (1, 2, 3)], [None, None, b"c"])
        heard.expect_fence()
        heard._before, heard._heard = heard._heard, {}
        heard._is_fenced.set()
        self.assertTrue(heard.fence(0))
        self.assertEqual((heard.event("thread:t0", 3), heard.event_before("thread:t0", 3)), (None, b"c"))
        heard.expect_fence()
        self.assertFalse(heard.fence(0))
        self.assertIsNone(heard.event_before("thread:t0", 3))

    def test_writers_wait_at_a_closed_gate(self) -> None:
        gate, passed = Gate(), threading.Event()

        def write() -> None:
            with gate:
                passed.set()

        with gate:
            self.assertFalse(gate.close(0.05))
        self.assertTrue(gate.close(5))
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        self.assertFalse(passed.wait(0.1))
        gate.open()
        self.assertTrue(passed.wait(5))

    def test_a_proxy_delays_stalls_and_cuts_the_connections_that_are_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            network = Network(server.getsockname()[1])
            self.addCleanup(network.end)
            pairs = [self.connect(network, server) for _ in range(2)]
            (one, behind_one), (other, behind_other) = pairs
            for order, delay in ((None, 0.0), ({"delay": [0.2, 0.2], "seed": 1}, 0.2), ({"delay": None}, 0.0)):
                if order:
                    network.order([one.getsockname()[1]], **order)
                    time.sleep(0.1)
                began = time.monotonic()
                for sender, receiver in ((behind_other, other), (one, behind_one)):
                    sender.sendall(b"x")
                    self.assertEqual(receiver.recv(1), b"x")
                self.assertGreaterEqual(time.monotonic() - began, delay)
            network.order([one.getsockname()[1]], stall=True)
            time.sleep(0.1)
            one.sendall(b"stalled")
            behind_one.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                behind_one.recv(1)
            network.order([one.getsockname()[1]], stall=False)
            behind_one.settimeout(5)
            self.assertEqual(behind_one.recv(7), b"stalled")
            network.order([one.getsockname()[1]], cut=3)
            time.sleep(0.1)
            behind_one.sendall(b"abcdef")
            with self.assertRaises(ConnectionResetError):
                while one.recv(3):
                    pass
            other.close()
            self.assertEqual(behind_other.recv(1), b"")

    def connect(self, network: Network, server: socket.socket) -> tuple[socket.socket, socket.socket]:
        end = time.monotonic() + 10
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", network.port), timeout=5)
                break
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
        behind, _ = server.accept()
        behind.settimeout(5)
        for each in (client, behind):
            self.addCleanup(each.close)
        return client, behind


if __name__ == "__main__":
    unittest.main()
