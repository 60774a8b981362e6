#!/usr/bin/env python3
"""Checks how the code is laid out, and prints it: part of `make lint`.

For each module under Sources: files, median of their lines, files under 30 and over 400 lines, and the modules that it
imports. Fails when

- a file imports a module that Package.swift does not give its target, or Package.swift gives one that no file imports;
- an arrow leads to a module that does not stand above it in Package.swift (arrows lead downwards only);
- docs/architecture.md draws other arrows than Package.swift has (the block that begins with "module arrows");
- a type of the same name stands at the top level of two modules;
- the files drift apart again: the limits stand in LIMITS below.

Usage: Tests/House/house.py [--quiet]
"""

import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL, LARGE = 30, 400
# What the whole of Sources may come to; see docs/contributing.md.
LIMITS = {"least median": 80, "most small files": 30, "most large files": 12}
IMPORT = re.compile(r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:struct\s+|class\s+|enum\s+|func\s+)?(\w+)", re.M)
TYPE = re.compile(r"^(?:(?:public|package|internal|final|indirect|private|fileprivate)\s+)*(?:struct|class|enum|actor|protocol)\s+(\w+)", re.M)
HIDDEN = re.compile(r"^(?:private|fileprivate)\s")


def package():
    """The targets of Package.swift, in its order: name → (path, names of the targets that it depends on)."""
    text = subprocess.run(
        ["swift", "package", "--package-path", str(ROOT), "dump-package"], check=True, capture_output=True, text=True
    ).stdout
    targets = {}
    for target in json.loads(text)["targets"]:
        if target["type"] == "test" or (target.get("path") or "").startswith("Tests"):
            continue
        names = [name for entry in target["dependencies"] for name in (entry.get("byName") or entry.get("target") or [])[:1]]
        targets[target["name"]] = (ROOT / (target.get("path") or f"Sources/{target['name']}"), names)
    own = set(targets)
    return {name: (path, [other for other in others if other in own]) for name, (path, others) in targets.items()}


def swift_files(path):
    return sorted(file for file in path.rglob("*.swift"))


def arrows_in_document():
    """The arrows that docs/architecture.md draws: lines `Module → A, B` of the block that "module arrows" begins."""
    text = (ROOT / "docs/architecture.md").read_text()
    block = re.search(r"^```\n(?:# )?module arrows\n(.*?)^```", text, re.M | re.S)
    if not block:
        return None
    arrows = {}
    for line in block.group(1).splitlines():
        if "→" in line:
            name, others = line.split("→", 1)
            arrows[name.strip()] = {other.strip() for other in others.split(",") if other.strip() not in ("", "–")}
    return arrows


def main():
    quiet = "--quiet" in sys.argv[1:]
    targets = package()
    faults, lines, rows, types = [], [], [], {}
    order = list(targets)
    for name, (path, declared) in targets.items():
        files = swift_files(path)
        if not files:
            continue
        lengths = []
        imported = set()
        for file in files:
            text = file.read_text()
            lengths.append(text.count("\n"))
            imported |= {module for module in IMPORT.findall(text) if module in targets and module != name}
            for match in TYPE.finditer(text):
                if not HIDDEN.match(match.group(0)):
                    types.setdefault(match.group(1), set()).add(name)
        lines += lengths
        for module in sorted(imported - set(declared)):
            faults.append(f"{name} imports {module}, which Package.swift does not give it")
        for module in sorted(set(declared) - imported):
            faults.append(f"Package.swift gives {name} the module {module}, which no file of it imports")
        for module in declared:
            if order.index(module) > order.index(name):
                faults.append(f"{name} depends on {module}, which stands below it in Package.swift")
        rows.append((
            name, len(files), statistics.median(lengths), sum(length < SMALL for length in lengths),
            sum(length > LARGE for length in lengths), ", ".join(declared)))
    for name, modules in sorted(types.items()):
        if len(modules) > 1:
            faults.append(f"a type {name} stands in {' and in '.join(sorted(modules))}; one name, one type")
    drawn = arrows_in_document()
    if drawn is None:
        faults.append("docs/architecture.md draws no module arrows")
    else:
        real = {name: set(declared) for name, (_, declared) in targets.items() if declared}
        for name in sorted(real.keys() | drawn.keys()):
            if real.get(name, set()) != drawn.get(name, set()):
                faults.append(
                    f"docs/architecture.md draws {name} → {', '.join(sorted(drawn.get(name, set()))) or 'nothing'}; "
                    f"Package.swift says {', '.join(sorted(real.get(name, set()))) or 'nothing'}")
    small, large = sum(length < SMALL for length in lines), sum(length > LARGE for length in lines)
    median = statistics.median(lines)
    if median < LIMITS["least median"]:
        faults.append(f"the median file has {median:g} lines; at least {LIMITS['least median']} are wanted")
    if small > LIMITS["most small files"]:
        faults.append(f"{small} files have under {SMALL} lines; at most {LIMITS['most small files']} are wanted")
    if large > LIMITS["most large files"]:
        faults.append(f"{large} files have over {LARGE} lines; at most {LIMITS['most large files']} are wanted")
    if not quiet:
        print(f"{'module':14}{'files':>6}{'median':>8}{'< ' + str(SMALL):>6}{'> ' + str(LARGE):>7}  imports")
        for name, files, middle, few, many, declared in rows:
            print(f"{name:14}{files:>6}{middle:>8g}{few:>6}{many:>7}  {declared}")
        print(f"{'all':14}{len(lines):>6}{median:>8g}{small:>6}{large:>7}")
    for fault in faults:
        print(f"layout: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
