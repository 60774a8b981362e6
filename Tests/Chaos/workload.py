"""What is sent, and where it has to arrive. Everything follows from a conversation's number and the event's serial
number in it, so nothing has to be remembered but how many events of each conversation were accepted."""

from __future__ import annotations

import binascii
import json

#: An event is known by one number: its conversation above these bits, its serial number in them.
SERIAL_BITS = 32
SERIAL_MASK = (1 << SERIAL_BITS) - 1
#: The most partitions that are used, and the least.
PARTITIONS, LEAST_PARTITIONS = 8, 4
#: All doors are the web app's, so that edits by one may follow comments by another.
API_KEY = "the-key-of-the-chaos-suite"
#: All stages; `echo` may be left out.
STAGES = ["validate", "moderate", "format", "echo", "route", "publish"]

_TEXTS = (
    "a plain remark",
    "markup <script>alert(1)</script> & \"quotes\" 'too'",
    "a link https://example.org/a?b=c&d=e in the middle",
    "line one\nline two\n\nline four",
    "Grüße, 世界, \U0001f600 and \u0645\u0631\u062d\u0628\u0627",
    "long " + "and longer " * 30,
)


def index_of(conversation: int, serial: int) -> int:
    return conversation << SERIAL_BITS | serial


def name_of(index: int) -> str:
    """As in ``event_id``."""
    return f"{index >> SERIAL_BITS}.{index & SERIAL_MASK}"


class Workload:
    """Conversations 0 … conversations − 1 for the producers, and one more for each partition for the prober."""

    def __init__(self, seed: int, conversations: int) -> None:
        self.seed = seed
        self.conversations = conversations
        self.forums = max(1, conversations // 10)
        self.authors = max(1, conversations // 2)
        self.probes = [conversations + k for k in range(PARTITIONS)]
        self._probe_threads = [self._probe_thread(k) for k in range(PARTITIONS)]

    @staticmethod
    def _probe_thread(partition: int) -> str:
        number = 0
        while binascii.crc_hqx(f"probe-{number}".encode(), 0) % PARTITIONS != partition:
            number += 1
        return f"probe-{number}"

    def thread(self, conversation: int) -> str:
        if conversation >= self.conversations:
            return self._probe_threads[conversation - self.conversations]
        return f"t{conversation}"

    def identity(self, conversation: int, serial: int) -> tuple[str, str]:
        """The event's id, of three at a time, and its type. A type that is about no comment: histories are rewritten by
        changes of comments, and this suite knows of an event that is gone only that the history was cut. The simulator
        and RandomRewritingTests have changes."""
        if conversation >= self.conversations:
            return self.thread(conversation), "probe"
        return f"c{conversation}-{serial % 3}", "note"

    def _author(self, conversation: int, serial: int) -> str:
        return f"u{(conversation * 7 + serial % 3) % self.authors}"

    def _mentioned(self, conversation: int, serial: int) -> str | None:
        return f"m{conversation % self.authors}" if serial // 3 % 6 == 2 else None

    def event(self, conversation: int, serial: int) -> bytes:
        """The event's JSON: the same bytes whenever it is asked for."""
        identity, kind = self.identity(conversation, serial)
        event: dict[str, object] = {
            "event_id": f"{conversation}.{serial}",
            "id": identity,
            "thread": self.thread(conversation),
            "type": kind,
        }
        if conversation >= self.conversations:
            event["text"] = "probe"
            return json.dumps(event).encode()
        author = self._author(conversation, serial)
        event["forum"] = f"f{conversation % self.forums}"
        event["author"] = {"id": author, "name": "Name of " + author}
        event["email"] = "private@example.org"
        text = _TEXTS[(conversation + serial) % len(_TEXTS)]
        mentioned = self._mentioned(conversation, serial)
        event["text"] = text + (f" @{mentioned}" if mentioned else "")
        return json.dumps(event, ensure_ascii=False).encode()

    def channels(self, conversation: int, serial: int) -> list[str]:
        """Where the event has to be published, once in each."""
        identity, _ = self.identity(conversation, serial)
        names = ["thread:" + self.thread(conversation), "post:" + identity]
        if conversation < self.conversations:
            names += [f"forum:f{conversation % self.forums}", "user:" + self._author(conversation, serial)]
            mentioned = self._mentioned(conversation, serial)
            if mentioned:
                names.append("user:" + mentioned)
        return names

    def all_channels(self) -> list[str]:
        names = ["thread:" + self.thread(c) for c in range(self.conversations + PARTITIONS)]
        names += [f"forum:f{f}" for f in range(self.forums)]
        names += [f"user:{kind}{a}" for a in range(self.authors) for kind in "um"]
        names += [f"post:c{c}-{slot}" for c in range(self.conversations) for slot in range(3)]
        names += ["post:" + self.thread(c) for c in self.probes]
        return names

    def recognise(self, raw: bytes) -> tuple[int, str | None]:
        """A published event's number, and what is wrong with its form, if anything.

        Raises ValueError when it is none of ours."""
        event = json.loads(raw)
        conversation, serial = (int(part) for part in event["event_id"].split("."))
        identity, kind = self.identity(conversation, serial)
        problem = None
        if (event["thread"], event["id"], event["type"]) != (self.thread(conversation), identity, kind):
            problem = "thread, id or type is another one"
        elif b"<" in raw.replace(b"<br>", b""):
            problem = "markup stands unescaped on the wire"
        elif "email" in event or "text" in event or "channels" in event:
            problem = "a member that is not to be published"
        elif not event.get("html"):
            problem = "html is missing"
        return index_of(conversation, serial), problem
