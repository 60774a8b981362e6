"""A small client for Redis: one connection, commands and pipelines, deadlines. Connects again by itself."""

from __future__ import annotations

import socket
from typing import Any, Iterable, Iterator, Sequence, Union

Word = Union[str, bytes, int, float]

#: The user of this suite and its password: faults take rights away from the others.
LOGIN = ("chaos", "chaos")


class ReplyError(Exception):
    """Redis answered with an error; the command had no effect."""

    @property
    def code(self) -> str:
        return str(self).split(" ", 1)[0]


class ConnectionLost(Exception):
    """No answer came: whether the command had an effect is unknown."""


class Redis:
    """A connection over a unix socket. After :class:`ConnectionLost` the next command connects anew."""

    def __init__(self, path: str, timeout: float = 2.0) -> None:
        self.path = path
        self.timeout = timeout
        #: How often this client has connected.
        self.connections = 0
        self._socket: socket.socket | None = None
        self._file: Any = None

    def __call__(self, *words: Word) -> Any:
        """Sends one command; gives its reply.

        Raises ReplyError for an error reply, ConnectionLost when the outcome is unknown."""
        reply = self.pipeline([words])[0]
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Sends several commands together; error replies stand in the list of replies."""
        if not commands:
            return []
        try:
            if self._socket is None:
                self._connect()
            assert self._socket is not None
            self._socket.sendall(b"".join(self._encode(words) for words in commands))
            return [self._read() for _ in commands]
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost(str(error) or type(error).__name__) from error

    def listen(self, pattern: str) -> Iterator[tuple[str, bytes]]:
        """Subscribes to channels by a pattern; gives channel and payload of each message until the connection ends.

        Raises ConnectionLost then."""
        try:
            self("PSUBSCRIBE", pattern)
            assert self._socket is not None
            self._socket.settimeout(None)
            while True:
                message = self._read()
                if isinstance(message, list) and message[0] == b"pmessage":
                    yield message[2].decode(), message[3]
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost(str(error) or type(error).__name__) from error

    def close(self) -> None:
        for thing in (self._file, self._socket):
            if thing is not None:
                try:
                    thing.close()
                except OSError:
                    pass
        self._file = self._socket = None

    def _connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        self._socket = connection
        self._file = connection.makefile("rb", buffering=65536)
        self.connections += 1
        connection.sendall(self._encode(["AUTH", *LOGIN]))
        answer = self._read()
        if isinstance(answer, ReplyError):
            raise OSError(str(answer))

    @staticmethod
    def _encode(words: Iterable[Word]) -> bytes:
        parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("connection closed")
        return line[:-2]

    def _read(self) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            data = self._file.read(size + 2)
            if len(data) != size + 2:
                raise OSError("connection closed")
            return data[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self._read() for _ in range(count)]
        raise ValueError(f"no reply: {line[:40]!r}")
