"""The unmodified PyPI package thoonk 1.0.1.0 on Python 3, behind a socket that speaks lines of JSON.

    thoonk_adapter.py SOCKET REDIS_SOCKET

The package was written for Python 2 and redis-py 2. What has changed under it since is put back here, around it; not a
line of the package is replaced, but the one default that its own `maintenance` forgets to pass.

Each connection has a Thoonk of its own. A request is [FEED_TYPE, FEED, VERB, [ARGUMENTS], {KEYWORDS}], the answer
{"ok": RESULT} or {"error": EXCEPTION, "message": TEXT}. ["listen"] turns a connection into a stream of events,
[EVENT, ARGUMENT...], which begins with ["ready"]. Feeds are made with a configuration by ["create", TYPE, FEED, {...}].
"""

import importlib.util
import json
import os
import pickle
import socketserver
import sys
import threading

sys.modules["cPickle"] = pickle
import redis  # noqa: E402

# The package's own folder: it imports `pubsub` by its bare name.
sys.path.insert(0, os.path.dirname(importlib.util.find_spec("thoonk").origin))


class Config(dict):
    """What the package iterates as Python 2 did."""

    iteritems = dict.items


def old_zadd(client):
    new_zadd = client.zadd

    def zadd(self, name, mapping=None, **scores):
        return new_zadd(self, name, mapping or scores)

    client.zadd = zadd


def old_lrange(client):
    new_lrange = client.lrange
    client.lrange = lambda self, name, start=0, end=-1: new_lrange(self, name, start, end)


def old_pubsub(client):
    new_pubsub = client.pubsub
    # The package takes the reply to a subscription for a message.
    client.pubsub = lambda self: new_pubsub(self, ignore_subscribe_messages=True)
    redis.client.PubSub.subscription_count = property(lambda self: len(self.channels))


old_zadd(redis.client.Redis)
old_lrange(redis.client.Redis)
old_pubsub(redis.client.Redis)
redis_socket = sys.argv[2]
redis.StrictRedis = lambda host, port, db: redis.Redis(
    unix_socket_path=redis_socket, db=db, decode_responses=True, protocol=2)

import thoonk  # noqa: E402

EVENTS = ["create", "delete", "publish", "edit", "retract", "position", "finish"]


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.thoonk = thoonk.Thoonk()
        for line in self.rfile:
            request = json.loads(line)
            if request[0] == "listen":
                return self.listen(request[1:])
            try:
                answer = {"ok": self.answer(request)}
            except Exception as error:  # the other side is told
                answer = {"error": type(error).__name__, "message": str(error)}
            self.send(answer)

    def send(self, value):
        self.wfile.write(json.dumps(value, default=sorted).encode() + b"\n")
        self.wfile.flush()

    def feed(self, kind, name, config=None):
        return getattr(self.thoonk, kind)(name, Config(config or {}))

    def answer(self, request):
        if request[0] == "create":
            _, kind, name, config = request
            return self.feed(kind, name, config).feed
        if request[0] == "thoonk":
            _, verb, arguments = request
            arguments = [Config(one) if isinstance(one, dict) else one for one in arguments]
            return getattr(self.thoonk, verb)(*arguments)
        if request[0] == "put_many":
            _, kind, name, items = request
            feed = self.feed(kind, name)
            return [feed.put(item) for item in items]
        if request[0] == "work_many":
            return self.work_many(*request[1:])
        if request[0] == "call_all":
            _, kind, name, calls = request
            feed = self.feed(kind, name)
            return [getattr(feed, verb)(argument) for verb, argument in calls]
        kind, name, verb, arguments, keywords = request
        return getattr(self.feed(kind, name), verb)(*arguments, **keywords)

    def work_many(self, name, count):
        """Gets jobs and finishes them with their item as the result, until `count` of the feed are finished."""
        job = self.feed("job", name)
        done = []
        while True:
            try:
                id, item, _ = job.get(timeout=0.2)
            except thoonk.feeds.queue.Empty:
                if int(self.thoonk.redis.get("feed.finishes:" + name) or 0) >= count:
                    break
                continue
            job.finish(id, item)
            done.append(item)
        return done

    def listen(self, names):
        """Events as they come. NAMES: feeds whose configuration is to be heard of, too."""
        lock = threading.Lock()

        def handler(event):
            def handle(*arguments):
                with lock:
                    self.send([event, *arguments])
            return handle

        listening = thoonk.Thoonk(listen=True)
        for event in EVENTS + ["config:" + name for name in names]:
            listening.register_handler(event, handler(event))
        with lock:
            self.send(["ready"])
        # Until the other side hangs up.
        self.rfile.read()
        listening.close()


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    with Server(sys.argv[1], Session) as server:
        server.serve_forever()
