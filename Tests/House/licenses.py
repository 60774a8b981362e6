#!/usr/bin/env python3
"""Lists what Tidings is built from and runs with: version, licence, and how it comes in. `make licenses`.

Swift packages: the versions that were resolved, the licence by its own text. Libraries of Debian: the packages that the
release needs at run time, the licence that their copyright file gives for the upstream sources (`Files: *`). The Swift
standard library is linked into the release.

Fails when something has a licence that is not in ALLOWED, so that a new dependency is looked at by a person first.

Usage: Tests/House/licenses.py
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Licences that ask for no more than their text and the names beside a copy.
ALLOWED = {"Apache-2.0", "Apache-2.0 with Runtime Library Exception", "BSD-3-Clause", "MIT", "Zlib", "curl"}
# Other names that Debian's files use.
SAME = {"Expat": "MIT", "BSD-3-clause": "BSD-3-Clause", "BSD-3-google": "BSD-3-Clause", "zlib": "Zlib"}
# Package of Debian -> how the release uses it. A pattern: the name holds the version of the library's interface.
LIBRARIES = {
    "libevent-2.1-*": "linked", "libhiredis*": "linked", "libre2-*": "linked", "libsimdjson*": "linked",
    "libyaml-0-*": "linked", "zlib1g": "linked", "libcurl4": "opened at first use (webhooks, key sets)",
    "libssl3": "opened at first use (tokens, hashes)", "redis-server": "a process of its own",
}


def packages():
    """The Swift packages that the last resolution chose: name, version, licence."""
    state = json.loads((ROOT / ".build/workspace-state.json").read_text())
    for entry in sorted(state["object"]["dependencies"], key=lambda entry: entry["packageRef"]["identity"]):
        name = entry["packageRef"]["identity"]
        text = next((ROOT / ".build/checkouts" / name).glob("LICENSE*")).read_text()
        found = "Apache License" in text and "Version 2.0" in text
        licence = ("Apache-2.0 with Runtime Library Exception" if "Runtime Library Exception" in text else "Apache-2.0") if found else "unknown"
        yield name, entry["state"].get("checkoutState", {}).get("version", "?"), licence, "linked, Swift package"


def libraries():
    """The libraries of Debian that are installed: name, version, licence."""
    for pattern, use in LIBRARIES.items():
        answer = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n", pattern], capture_output=True, text=True
        ).stdout
        lines = [line.split("\t")[1:] for line in answer.splitlines() if line.startswith("ii") and "-dev" not in line.split("\t")[1]]
        if not lines:
            yield pattern, "not installed", "unknown", use
        for name, version in lines:
            text = pathlib.Path(f"/usr/share/doc/{name}/copyright").read_text(errors="replace")
            upstream = re.search(r"^Files: ?\*\s*\n(?:.*\n)*?License: *(\S.*)", text, re.M)
            licence = upstream.group(1).strip() if upstream else "unknown"
            yield name, version, SAME.get(licence, licence), use


def swift():
    """The compiler, whose standard library the release contains."""
    text = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"Swift version (\S+)", text)
    return "swift", version.group(1) if version else "?", "Apache-2.0 with Runtime Library Exception", "linked, standard library"


def main():
    rows = [swift(), *packages(), *libraries()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)) + "  " + row[3])
    print("tidings itself: MIT, see LICENSE")
    strange = [row for row in rows if row[2] not in ALLOWED]
    for row in strange:
        print(f"{row[0]}: licence {row[2]} is not in the list of Tests/House/licenses.py; read it, then add it there", file=sys.stderr)
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
