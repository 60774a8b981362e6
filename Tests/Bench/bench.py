#!/usr/bin/env python3
"""All benchmarks in a short form, as one table: what `make bench` runs.

Each step runs `tidings bench …  --json` and takes a few figures from it. The runs are short, so the figures say whether
something is far off; for exact ones see docs/performance.md. A step that fails leaves a line in the table, and the others
run all the same.

Usage: Tests/Bench/bench.py --binary TIDINGS [--output FILE] [--only STEP]… [--python PYTHON]
"""

import argparse
import json
import os
import subprocess
import sys
import time


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def pipeline(rows):
    """Rates, and what an event costs Redis; latencies where they were measured."""
    for row in rows:
        name = f"{row['pipeline']}, {row['input']}" if "input" in row else row["pipeline"]
        if "workers_events_per_s" in row:
            yield name, "events/s", number(row["workers_events_per_s"])
            cost = row["workers_redis"]
            yield name, "µs of Redis an event", number(cost["us_per_event"], 1)
            yield name, "commands an event", number(cost["commands_per_event"], 2)
            yield name, "bytes, keys kept an event", \
                f"{number(max(0, cost['bytes_per_event']))}, {number(max(0, cost['keys_per_event']), 2)}"
            yield name, "longest call, ms", f"{number(cost['longest_call_us'] / 1000, 1)} ({cost['longest_call']})"
        if "bare_events_per_s" in row:
            yield name, "to the bare loop", number(row["workers_events_per_s"] / row["bare_events_per_s"], 2)
        for level in row.get("door_to_feed", []):
            yield "door to feed", f"p50, p99, worst in ms at {level['percent_of_rate']} % ({number(level['events_per_s'])}/s)", \
                ", ".join(number(level[key] / 1000, 1) for key in ("p50_us", "p99_us", "worst_us"))
            if level["missing"]:
                yield "door to feed", "missing", number(level["missing"])


def edge(rows):
    for row in rows:
        name = f"{row['server']}, {row['scenario']}"
        if row["scenario"] == "memory":
            yield name, "bytes of an idle poll, kernel", \
                f"{number(row['bytes_per_poll'])}, {number(row['kernel_bytes_per_poll'])}"
            continue
        latency = row["latency_ms"][0]
        yield name, "events/s", number(row["events_per_s"])
        yield name, "µs of processor an answer", number(row["cpu_us_per_answer"], 1)
        yield name, "p50, p99, worst in ms", ", ".join(number(latency[key], 1) for key in ("p50", "p99", "worst"))
        faults = {key: row[key] for key in ("lost", "repeated", "behind", "failures") if row[key]}
        if faults:
            yield name, "faults", ", ".join(f"{key} {number(value)}" for key, value in faults.items())


def jobs(figures):
    for kind, name in (("singly", "one a call"), ("batched", f"{figures['batch']} a call"), ("thoonk_py", "thoonk.py")):
        rates = figures.get(f"{kind}_jobs_per_s")
        if rates:
            yield f"jobs, {name}", "put, get, finish a second", \
                ", ".join(number(sorted(rates[verb])[len(rates[verb]) // 2]) for verb in ("put", "get", "finish"))
    yield "jobs", "bytes a queued job", number(figures["memory_bytes_per_job"])


def takeover(figures):
    for key, name in (("at_peace_ms", "at peace"), ("after_kill_ms", "after kill -9")):
        yield f"takeover, {name}", "median, worst in ms", \
            f"{number(figures[key]['median'], 1)}, {number(figures[key]['worst'], 1)}"


def idle(figures):
    yield "idle pools", "Redis commands/s", number(figures["redis_commands_per_s"], 1)
    yield "idle pools", "% of a core", number(figures["core_percent"], 2)
    yield "idle pools", "most private KiB of a process", number(max(figures["private_kb"]))


def memory(figures):
    for key, name in (("private_before_kb", "before"), ("private_peak_kb", "peak"), ("private_after_kb", "after")):
        yield f"worker's memory, {name}", "most private KiB", number(max(figures[key]))


def abuse(rows):
    worst = max(rows, key=lambda row: row["memory"] / max(1, row["sent"]))
    yield "abuse", "most bytes kept a byte sent", f"{number(worst['memory'] / max(1, worst['sent']), 1)} ({worst['attack']})"


STEPS = {
    "pipeline": (["pipeline", "--events", "60000", "--runs", "1"], pipeline),
    "life": (
        ["pipeline", "--events", "60000", "--runs", "1", "--only", "default", "--input", "life", "--latency",
         "--latency-seconds", "5"], pipeline),
    "edge": (
        ["edge", "--readers", "3000", "--seconds", "3", "--server", "bare", "--server", "tidings", "--scenario", "polls",
         "--scenario", "fanout", "--scenario", "memory"], edge),
    "jobs": (["jobs", "--jobs", "5000", "--runs", "1", "--memory", "50000"], jobs),
    "takeover": (["takeover", "--kills", "6"], takeover),
    "idle": (["idle", "--seconds", "10"], idle),
    "memory": (["memory", "--events", "100000"], memory),
    "abuse": (["abuse"], abuse),
}


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", help="also write the table there")
    parser.add_argument("--only", action="append", choices=STEPS, help="a step; can be repeated")
    parser.add_argument("--python", help="a python3 with thoonk 1.0.1.0, to measure jobs beside it")
    options = parser.parse_args()
    rows, failed = [("benchmark", "what", "figure")], []
    for name in options.only or STEPS:
        words, read = STEPS[name]
        if name == "jobs" and options.python:
            words = words + ["--python", options.python]
        print(f"{name}: tidings bench {' '.join(words)}", file=sys.stderr, flush=True)
        start = time.monotonic()
        done = subprocess.run([options.binary, "bench", *words, "--json"], capture_output=True, text=True, check=False)
        try:
            if done.returncode != 0:
                raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given")
            rows += list(read(json.loads(done.stdout)))
            print(f"  {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            failed.append(name)
            rows.append((name, "FAILED", f"exit {done.returncode}: {error}"))
            print(f"  failed: {error}", file=sys.stderr, flush=True)
    text = f"{os.uname().machine}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d %H:%M')}\n\n{table(rows)}"
    print(text, end="")
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
