#!/usr/bin/env python3
"""A proxy between a pool and Redis, a process of its own: it delays, stalls and cuts single connections.

    proxy.py LISTEN-PORT REDIS-PORT

Each line of its standard input is one order, a JSON object:

    ports   the clients' ports that are meant; null: all connections, and those that come
    delay   [least, most] seconds: each of the connections draws one of its own for its bytes, in both directions
    stall   true: no bytes pass, and the connections stay open; false: they pass again
    cut     true: they end at once, with a reset; a number: after so many more bytes to the client
    seed    what decides what is drawn"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import selectors
import socket
import struct
import sys
import time
from typing import Any


class Way:
    """One direction of a connection: bytes that wait for their time, then for room in the socket."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.due: list[tuple[float, bytes]] = []
        self.out = bytearray()
        self.last = 0.0
        #: Whether the source has ended; and whether that is to be passed on when all bytes are.
        self.is_over = False
        self.is_ending = False


class Connection:
    """A client and the server behind it."""

    def __init__(self, client: socket.socket, port: int, server: socket.socket) -> None:
        self.port = port
        self.sockets = (client, server)
        self.up = Way(client, server)
        self.down = Way(server, client)
        self.delay = 0.0
        self.is_stalled = False
        self.left: int | None = None
        self.is_open = True


class Proxy:
    """One thread, one selector."""

    def __init__(self, listen: int, server: int) -> None:
        self.server = server
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", listen))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, self._order)
        self.orders = b""
        self.connections: list[Connection] = []
        self.random = random.Random(0)
        self.delay: tuple[float, float] | None = None
        self.is_stalled = False
        self.timers: list[tuple[float, int, Connection, Way]] = []
        self.number = itertools.count()

    def run(self) -> None:
        while True:
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, events in self.selector.select(wait):
                key.data() if callable(key.data) else self._ready(*key.data, events)
            while self.timers and self.timers[0][0] <= time.monotonic():
                _, _, connection, way = heapq.heappop(self.timers)
                self._pass(connection, way)

    def _accept(self) -> None:
        try:
            client, address = self.listener.accept()
        except OSError:
            return
        server = socket.socket()
        try:
            server.connect(("127.0.0.1", self.server))
        except OSError:
            client.close()
            server.close()
            return
        connection = Connection(client, address[1], server)
        connection.is_stalled = self.is_stalled
        if self.delay:
            connection.delay = self.random.uniform(*self.delay)
        for one in connection.sockets:
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.append(connection)
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        for way, back in ((connection.up, connection.down), (connection.down, connection.up)):
            events = 0 if connection.is_stalled or way.is_over else selectors.EVENT_READ
            events |= selectors.EVENT_WRITE if back.out and not connection.is_stalled else 0
            try:
                if events:
                    self.selector.modify(way.source, events, (connection, way, back))
                else:
                    self.selector.unregister(way.source)
            except KeyError:
                if events:
                    self.selector.register(way.source, events, (connection, way, back))

    def _ready(self, connection: Connection, way: Way, back: Way, events: int) -> None:
        if not connection.is_open:
            return
        if events & selectors.EVENT_WRITE:
            self._pass(connection, back)
        if events & selectors.EVENT_READ and connection.is_open:
            try:
                data = way.source.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            way.is_over = way.is_over or not data
            now = time.monotonic()
            way.last = max(way.last, now + connection.delay)
            way.due.append((way.last, data))
            if way.last > now:
                heapq.heappush(self.timers, (way.last, next(self.number), connection, way))
            self._pass(connection, way)

    def _pass(self, connection: Connection, way: Way) -> None:
        if not connection.is_open or connection.is_stalled:
            return
        now = time.monotonic()
        while way.due and way.due[0][0] <= now:
            _, data = way.due.pop(0)
            way.out += data
            way.is_ending = way.is_ending or not data
        if way.out:
            room = len(way.out)
            if way is connection.down and connection.left is not None:
                room = min(room, connection.left)
            try:
                sent = way.target.send(way.out[:room]) if room else 0
            except BlockingIOError:
                sent = 0
            except OSError:
                self._end(connection, reset=False)
                return
            del way.out[:sent]
            if way is connection.down and connection.left is not None:
                connection.left -= sent
                if connection.left <= 0:
                    self._end(connection, reset=True)
                    return
        if way.is_ending and not way.out:
            self._end(connection, reset=False)
            return
        self._watch(connection)

    def _end(self, connection: Connection, reset: bool) -> None:
        connection.is_open = False
        if connection in self.connections:
            self.connections.remove(connection)
        for one in connection.sockets:
            try:
                self.selector.unregister(one)
            except KeyError:
                pass
            if reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()

    def _order(self) -> None:
        data = os.read(0, 65536)
        if not data:
            sys.exit(0)
        *lines, self.orders = (self.orders + data).split(b"\n")
        for line in lines:
            self.obey(json.loads(line))

    def obey(self, order: dict[str, Any]) -> None:
        ports = order.get("ports")
        if "seed" in order:
            self.random = random.Random(order["seed"])
        if ports is None:
            self.is_stalled = order.get("stall", self.is_stalled)
            if "delay" in order:
                self.delay = tuple(order["delay"]) if order["delay"] else None  # type: ignore[assignment]
        for connection in list(self.connections):
            if ports is not None and connection.port not in ports:
                continue
            if "delay" in order:
                connection.delay = self.random.uniform(*order["delay"]) if order["delay"] else 0.0
            if "stall" in order:
                connection.is_stalled = order["stall"]
            cut = order.get("cut")
            if cut is True:
                self._end(connection, reset=True)
                continue
            if cut is not None:
                connection.left = int(cut)
            self._pass(connection, connection.up)
            if connection.is_open:
                self._pass(connection, connection.down)
            if connection.is_open:
                self._watch(connection)


if __name__ == "__main__":
    Proxy(int(sys.argv[1]), int(sys.argv[2])).run()
