"""What a run has shown: a table for people, and the same as an object for programs."""

from __future__ import annotations

import argparse

from auditor import Auditor
from faults import Faults
from findings import Findings
from ledger import Ledger
from memory import MemoryWatch
from readers import Reader
from reconcile import Reconciliation
from storm import Storm
from system import System


def print_report(
    options: argparse.Namespace, ledger: Ledger, auditor: Auditor, reconciliation: Reconciliation,
    lanes: dict[str, dict[str, int]], readers: list[Reader], faults: Faults, storm: Storm, memory: MemoryWatch,
    system: System, findings: Findings,
) -> dict[str, object]:
    """Prints the table; gives the object."""
    resets = sum(reader.resets for reader in readers)
    broken = sum(reader.broken for reader in readers)
    read = sum(len(track.current.events) for reader in readers for track in reader.tracks.values())
    flushed = sum(len(log) for logs in auditor.flushed.values() for log in logs)
    published = sum(len(log) for log in auditor.logs.values()) + flushed
    gave_up = sum(service.gave_up for service in system.services)
    duplicates = lanes["validate"]["dropped"]

    print(f"\n{options.duration:.0f} s of faults, appendfsync {options.fsync}, {options.conversations} conversations")
    print(f"events      {ledger.accepted} accepted, {reconciliation.published} published, in {published} places")
    print(f"repeats     {sum(ledger.repeats.values())} times sent again ({_list(ledger.repeats)}); "
          f"{duplicates} repeated events recognised")
    print(f"readers     {len(readers)}, {read} events read since their last reset; {resets} resets, "
          f"{broken} requests without an answer")
    if system.redis.losses:
        print(f"by server   {reconciliation.lost_by_server} accepted events lost with its data, "
              f"{auditor.taken_back} publications taken back, {flushed} flushed")
    print(f"faults      {sum(faults.counts.values())}; pools that gave up and were started again: {gave_up}")
    print("memory      " + ", ".join(f"{kind} {kb / 1024:.0f} MiB" for kind, kb in memory.worst.items()) + " at most")

    print(f"\n{'recovery, seconds':<46}{'times':>6}{'timed':>6}{'published':>18}{'read':>18}")
    print(f"{'':<58}{'median':>9}{'worst':>9}{'median':>9}{'worst':>9}")
    rows = storm.table()
    timed = {row[0] for row in rows}
    for kind, count, *times in rows:
        print(f"{kind:<46}{faults.counts.get(kind, count):>6}{count:>6}" + "".join(f"{t:>9.3f}" for t in times))
    for kind in sorted(set(faults.counts) - timed):
        print(f"{kind:<46}{faults.counts[kind]:>6}{0:>6}")

    print()
    for kind, count in findings.counts.items():
        print(f"FAILED: {kind}: {count}")
        for sample in findings.samples[kind]:
            print("    " + sample)
    if findings.none:
        print("all well: nothing lost, doubled, out of order; no gap in any channel; nothing missed by any reader")

    return {
        "seed": options.seed, "ok": findings.none, "fsync": options.fsync, "seconds": options.duration,
        "accepted": ledger.accepted, "published": reconciliation.published, "lost": findings.count("lost"),
        "doubled": findings.count("doubled"), "disordered": findings.count("disordered"),
        "lost_by_server": reconciliation.lost_by_server, "duplicates_dropped": duplicates, "resets": resets,
        "faults": faults.counts, "gave_up": gave_up, "findings": findings.counts, "memory_kib": memory.worst,
        "recovery": {
            row[0]: {"timed": row[1], "published_median": round(row[2], 3), "published_worst": round(row[3], 3),
                     "read_median": round(row[4], 3), "read_worst": round(row[5], 3)} for row in rows
        },
    }


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
