"""Jobs put, got and finished by the unmodified PyPI package thoonk, timed: the other side of `tidings bench jobs`.

    thoonk_bench.py REDIS_SOCKET JOBS ITEM_BYTES RESULT_FILE

Writes {"put": SECONDS, "get": SECONDS, "finish": SECONDS}. The package was written for Python 2 and redis-py 2: what has
changed under it since is put back here, around it.
"""

import importlib.util
import json
import os
import pickle
import sys
import time

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


old_zadd(redis.client.Redis)
redis_socket, jobs, item_bytes, result_file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
redis.StrictRedis = lambda host, port, db: redis.Redis(
    unix_socket_path=redis_socket, db=db, decode_responses=True, protocol=2)

import thoonk  # noqa: E402

job = thoonk.Thoonk().job("bench", Config())
item = "x" * item_bytes
seconds = {}

start = time.monotonic()
for _ in range(jobs):
    job.put(item)
seconds["put"] = time.monotonic() - start

start = time.monotonic()
ids = [job.get(timeout=5)[0] for _ in range(jobs)]
seconds["get"] = time.monotonic() - start

start = time.monotonic()
for id in ids:
    job.finish(id)
seconds["finish"] = time.monotonic() - start

with open(result_file, "w") as file:
    json.dump(seconds, file)
