"""Compares what was accepted with what was published. Shares no code with the pipeline."""

from __future__ import annotations

from array import array

from findings import Findings
from ledger import Ledger
from resp import Redis
from workload import PARTITIONS, SERIAL_BITS, SERIAL_MASK, STAGES, Workload, name_of

COUNTERS = ["in", "out", "emitted", "dropped", "held", "dead", "waiting"]


def queues(partitions: int = PARTITIONS, stages: list[str] = STAGES) -> list[str]:
    """All keys under which events wait, in a pipeline of this shape."""
    inner = [f"{{comments.{p}}}:{kind}" for p in range(partitions)
             for kind in ["incoming"] + ["queue:" + stage for stage in stages]]
    return ["comments:incoming"] + inner


class Reconciliation:
    """The verdict over all conversations."""

    def __init__(
        self, workload: Workload, ledger: Ledger, logs: dict[str, "array[int]"], flushed: dict[str, list["array[int]"]],
        losses: list[tuple[float, float]], findings: Findings,
    ) -> None:
        self.workload = workload
        self.ledger = ledger
        self.logs = logs
        #: Earlier logs, which a flush has ended.
        self.flushed = flushed
        #: Times within which the server may have lost what it had accepted, and may have forgotten that it had.
        self.losses = losses
        self.findings = findings
        self.published = 0
        self.lost_by_server = 0
        self._by_conversation = self._sort()

    def _sort(self) -> list[dict[str, "array[int]"]]:
        """For each conversation the serial numbers in each channel, in the channel's order."""
        sorted_logs: list[dict[str, array[int]]] = [{} for _ in self.ledger.times]
        for channel, log in self.logs.items():
            for each in [*self.flushed.get(channel, []), log]:
                self._sort_log(sorted_logs, channel, each)
        return sorted_logs

    def _sort_log(self, sorted_logs: list[dict[str, "array[int]"]], channel: str, log: "array[int]") -> None:
        """Adds a log to those before it. An event that an earlier one has, and that was sent again after a flush since
        its answer had not been heard, is not new."""
        known: dict[int, set[int]] = {}
        for index in log:
            conversation, serial = index >> SERIAL_BITS, index & SERIAL_MASK
            if conversation >= len(sorted_logs):
                continue
            mine = sorted_logs[conversation].setdefault(channel, array("Q"))
            if conversation not in known:
                known[conversation] = set(mine)
            if serial not in known[conversation] or not self._may_be_lost(conversation, serial):
                mine.append(serial)

    def run(self) -> None:
        for conversation, found in enumerate(self._by_conversation):
            accepted = self.ledger.next_serial(conversation)
            wanted: dict[str, array[int]] = {}
            for serial in range(accepted):
                for channel in self.workload.channels(conversation, serial):
                    wanted.setdefault(channel, array("Q")).append(serial)
            missing: set[int] = set()
            gone: set[int] = set()
            for channel in sorted(wanted.keys() | found.keys()):
                mine, due = found.get(channel, array("Q")), wanted.get(channel, array("Q"))
                if mine != due:
                    missing |= set(due) - set(mine)
                    gone |= self._explain(conversation, channel, mine, due)
            self.lost_by_server += len(gone)
            self.published += accepted - len(missing)

    def _explain(self, conversation: int, channel: str, mine: "array[int]", due: "array[int]") -> set[int]:
        """Names what differs; gives the serial numbers that the server itself lost."""
        have, want = set(mine), set(due)
        gone = {serial for serial in want - have if self._may_be_lost(conversation, serial)}
        self._add("lost", conversation, channel, sorted(want - have - gone))
        self._add("never sent", conversation, channel, sorted(have - want))
        if len(have) != len(mine):
            seen: set[int] = set()
            self._add("doubled", conversation, channel, [s for s in mine if s in seen or seen.add(s)])  # type: ignore
        late = [serial for before, serial in zip(mine, mine[1:]) if serial < before]
        self._add("disordered", conversation, channel, late)
        return gone

    def _add(self, kind: str, conversation: int, channel: str, serials: list[int]) -> None:
        if serials:
            names = " ".join(name_of(conversation << 32 | serial) for serial in serials[:10])
            thread = self.workload.thread(conversation)
            self.findings.add(kind, f"conversation {thread}, {channel}: {names}", len(serials))

    def _may_be_lost(self, conversation: int, serial: int) -> bool:
        if serial >= self.ledger.next_serial(conversation):
            return False
        sent, known = self.ledger.started[conversation][serial], self.ledger.times[conversation][serial]
        return any(sent <= until and since <= known for since, until in self.losses)

    def check_lanes(self, redis: Redis) -> dict[str, dict[str, int]]:
        """The counters of each lane balance, each stage got what the one before gave, nothing was set aside."""
        sums: dict[str, dict[str, int]] = {}
        for stage in ["incoming"] + STAGES:
            total = sums.setdefault(stage, dict.fromkeys(COUNTERS, 0))
            prefixes = [f"{{comments.{p}}}" for p in range(PARTITIONS)] + (["comments"] if stage == "incoming" else [])
            for prefix in prefixes:
                queue = f"{prefix}:incoming" if stage == "incoming" else f"{prefix}:queue:{stage}"
                fields = redis("HGETALL", f"{prefix}:lane:{stage}")
                lane = {name.decode(): value.decode() for name, value in zip(fields[::2], fields[1::2])}
                counts = {name: int(lane.get(name, 0)) for name in total}
                counts["waiting"] = redis("LLEN", queue)
                spent = sum(counts[name] for name in ("out", "dropped", "held", "dead"))
                spent += 0 if stage == "incoming" else counts["waiting"]
                if counts["in"] != spent:
                    self.findings.add("unbalanced", f"{prefix}:lane:{stage}: {counts}")
                for letters in ("dead", "held"):
                    for letter in redis("LRANGE", f"{prefix}:{letters}:{stage}", 0, 2):
                        self.findings.add(letters + " letter", f"{prefix}:{letters}:{stage}: {letter[:400]!r}")
                for name in total:
                    total[name] += counts[name]
        self.check_passed(sums)
        return sums

    def check_passed(self, sums: dict[str, dict[str, int]]) -> None:
        """Each stage got what the one before gave. In some shapes of the pipeline `echo` is left out."""
        for givers, takers in [
            (["validate"], ["moderate"]), (["moderate"], ["format"]), (["format", "echo"], ["echo", "route"]),
            (["route"], ["publish"]),
        ]:
            gave, got = sum(sums[g]["emitted"] for g in givers), sum(sums[t]["in"] for t in takers)
            if gave != got:
                names = " and ".join(givers), " and ".join(takers)
                self.findings.add("unbalanced", f"{names[0]} emitted {gave}, {names[1]} got {got}")
        # Counters and feeds are taken back together.
        threads = {"thread:" + self.workload.thread(conversation) for conversation in range(len(self.ledger.times))}
        passed, published = sums["validate"]["out"], sum(len(self.logs[thread]) for thread in threads)
        aside = sum(sums[stage][count] for stage in STAGES[1:] for count in ("dropped", "held", "dead"))
        if passed != published + aside:
            self.findings.add(
                "unbalanced", f"validate let {passed} events pass, {published} were published, {aside} stay behind")
