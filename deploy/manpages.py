#!/usr/bin/env python3
"""Writes the manual pages, from what the program says of itself: part of `make install` and `make deb`.

Reads the document of `tidings --experimental-dump-help` from standard input and writes into FOLDER: tidings.1, and a page for
each command, tidings-up.1. The commands of a family (`tidings feed list`) have sections in the page of the family. Nothing of
a page is written here but its frame, so that pages and `--help` never differ.

Usage: tidings --experimental-dump-help | deploy/manpages.py --version 1.2.3 --date 2030-12-31 FOLDER
"""

import argparse
import json
import pathlib
import re
import sys

EXIT_STATUS = [("0", "done"), ("1", "failed"), ("2", "wrong use, or a wrong configuration"),
               ("75", "try again later: Redis cannot be reached, or has no room")]
FILES = [("tidings.yaml", "the configuration, in the working folder unless --config or TIDINGS_CONFIG names another file"),
         ("/etc/tidings/tidings.yaml", "the configuration of the services tidings-work and tidings-edge"),
         ("/etc/tidings/environment", "variables of the environment for these services, such as TIDINGS_REDIS"),
         ("~/.local/state/tidings", "data of `tidings up`: its Redis, its socket")]


def escape(text):
    """Text as roff prints it: dashes as typed, and nothing at a line's beginning that is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    text = text.replace("'", "\\(aq")
    return re.sub(r"^(?=\.)", "\\&", text, flags=re.M)


def shown(parts):
    return [part for part in parts or [] if part.get("shouldDisplay", True)]


class Page:
    """A manual page as it grows."""

    def __init__(self, title, version, date):
        self.lines = [f'.TH {escape(title.upper())} 1 {date} "tidings {version}" "Tidings"', ".nh", ".ad l"]

    def section(self, title):
        self.lines.append(f".SH {title.upper()}")

    def subsection(self, title):
        self.lines.append(f'.SS "{escape(title)}"')

    def paragraph(self, text):
        # A section begins with a paragraph of its own.
        if not self.lines[-1].startswith((".SH", ".SS")):
            self.lines.append(".PP")
        self.lines.append(escape(text))

    def verbatim(self, lines):
        if not self.lines[-1].startswith((".SH", ".SS")):
            self.lines.append(".PP")
        self.lines += [".RS 4", ".nf", *(escape(line) or ".sp" for line in lines), ".fi", ".RE"]

    def tagged(self, tag, text):
        self.lines += [".TP", tag, escape(text)]

    def discussion(self, text):
        """Paragraphs as they are; lines that are indented, as examples are, stand as they were typed."""
        for part in re.split(r"\n\s*\n", (text or "").strip("\n")):
            lines = part.split("\n")
            while lines and lines != [""]:
                length = next((index for index, line in enumerate(lines) if line.startswith("  ")), len(lines))
                if length:
                    self.paragraph(" ".join(lines[:length]))
                lines = lines[length:]
                length = next((index for index, line in enumerate(lines) if not line.startswith("  ")), len(lines))
                if length:
                    self.verbatim([line[2:] for line in lines[:length]])
                lines = lines[length:]

    def options(self, arguments):
        """Positional arguments first, then options by the title of their section."""
        for argument in arguments:
            if argument["kind"] == "positional":
                self.tagged(f"\\fI{escape(argument['valueName'])}\\fR", meaning(argument))
        titles = list(dict.fromkeys(argument.get("sectionTitle") for argument in arguments if argument["kind"] != "positional"))
        for title in sorted(titles, key=lambda title: title is not None):
            if title:
                self.subsection(title)
            for argument in arguments:
                if argument["kind"] != "positional" and argument.get("sectionTitle") == title:
                    self.tagged(names(argument), meaning(argument))

    def text(self):
        return "\n".join(self.lines) + "\n"


def names(argument):
    """`-h, --help` or `--config config`, in bold, with the value in italics."""
    dashes = {"short": "-", "long": "--", "longWithSingleDash": "-"}
    words = ", ".join(f"\\fB{escape(dashes[name['kind']] + name['name'])}\\fR" for name in argument["names"])
    return words if argument["kind"] == "flag" else f"{words} \\fI{escape(argument['valueName'])}\\fR"


def meaning(argument):
    text = argument.get("abstract", "")
    if "allValues" in argument:
        text += f" One of {', '.join(argument['allValues'])}."
    if "defaultValue" in argument and "default" not in text:
        text += f" (default: {argument['defaultValue']})"
    return text


def synopsis(words, command):
    """`tidings feed list [options]`, with the positional arguments."""
    if shown(command.get("subcommands")):
        return f"\\fB{escape(' '.join(words))}\\fR \\fIcommand\\fR"
    parts = [f"\\fB{escape(' '.join(words))}\\fR"]
    arguments = shown(command.get("arguments"))
    if any(argument["kind"] != "positional" for argument in arguments):
        parts.append("[\\fIoptions\\fR]")
    for argument in arguments:
        if argument["kind"] == "positional":
            part = f"\\fI{escape(argument['valueName'])}\\fR" + (" ..." if argument["isRepeating"] else "")
            parts.append(f"[{part}]" if argument["isOptional"] else part)
    return " ".join(parts)


def abstract(command):
    return (command.get("abstract") or "").rstrip(".")


def variables(commands):
    """Variables of the environment that the options name, each with the flag that says the same."""
    found = {}
    for command in commands:
        for argument in shown(command.get("arguments")):
            match = re.search(r"\(env (\w+)", argument.get("abstract", ""))
            if match:
                found[match[1]] = argument["preferredName"]["name"]
    return sorted(found.items())


def page(words, command, others, version, date):
    """The page of a command, with the sections of its family."""
    title = "-".join(words)
    family = shown(command.get("subcommands"))
    result = Page(title, version, date)
    result.section("name")
    result.lines.append(f"{escape(title)} \\- {escape(abstract(command))}")
    result.section("synopsis")
    below = family if len(words) > 1 else []
    lines = [synopsis(words + [each["commandName"]], each) for each in below] or [synopsis(words, command)]
    result.lines += "\n.br\n".join(lines).split("\n")
    text, _, examples = re.sub(r"(^|\n)Examples?:\n", r"\1\0", command.get("discussion") or "").partition("\0")
    if text.strip():
        result.section("description")
        result.discussion(text)
    if len(words) == 1:
        result.section("commands")
        for each in family:
            result.tagged(f"\\fB{escape(title + '-' + each['commandName'])}\\fR(1)", each.get("abstract", ""))
    common = shown(command.get("arguments"))
    if below:
        every = [shown(each.get("arguments")) for each in below]
        common = [argument for argument in every[0] if all(argument in arguments for arguments in every)]
        for each, arguments in zip(below, every):
            result.section(" ".join(words[1:] + [each["commandName"]]))
            result.paragraph(each.get("abstract", ""))
            result.discussion(each.get("discussion"))
            result.options([argument for argument in arguments if argument not in common])
    result.section("options of all commands" if below else "options")
    result.options(common)
    if examples.strip("\n"):
        result.section("examples")
        result.discussion(examples)
    named = variables([command, *below])
    if named:
        result.section("environment")
        for variable, flag in named:
            result.tagged(f"\\fB{escape(variable)}\\fR", f"the same as --{flag}, which counts more")
    result.section("exit status")
    for code, text in EXIT_STATUS:
        result.tagged(f"\\fB{code}\\fR", text)
    result.section("files")
    for name, text in FILES:
        result.tagged(f"\\fI{escape(name)}\\fR", text)
    result.section("see also")
    result.lines.append(", ".join(f"\\fB{escape(other)}\\fR(1)" for other in others if other != title))
    return title, result.text()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    root = json.load(sys.stdin)["command"]
    root["subcommands"] = [each for each in shown(root["subcommands"]) if each["commandName"] != "help"]
    name = root["commandName"]
    everything = [([name], root)] + [([name, each["commandName"]], each) for each in root["subcommands"]]
    others = ["-".join(words) for words, _ in everything]
    options.folder.mkdir(parents=True, exist_ok=True)
    for words, command in everything:
        near = others if len(words) == 1 else others[:1]
        title, text = page(words, command, near, options.version, options.date)
        (options.folder / f"{title}.1").write_text(text)


if __name__ == "__main__":
    main()
