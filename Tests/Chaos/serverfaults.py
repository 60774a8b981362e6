"""Redis is killed, stopped, short of memory; its clock steps; its data is taken back; rights and settings change."""

from __future__ import annotations

import time

from announcements import FENCE
from faulttools import Course, FaultTools
from redisserver import USERS, OlderMaster
from resp import ConnectionLost


class ServerFaults(FaultTools):
    """Only "data flushed" and "replica and back" lose something. Readers are told that, and after a restart too."""

    DECK = {
        "redis killed": 2,
        "redis stopped": 2,
        "connections killed": 2,
        "subscriptions killed": 2,
        "functions flushed": 2,
        "scripts flushed": 1,
        "memory full": 2,
        "clients paused": 2,
        "clock stepped forward": 2,
        "clock stepped back": 2,
        "rights taken away": 2,
        "data flushed": 1,
        "replica and back": 1,
    }
    LONG = {"eviction policy wrong": 1}
    #: What a user loses: a command, or all channels but these.
    RIGHTS = [
        ["-publish"], ["-zadd"], ["-hset"], ["-rpush"], ["-ltrim"], ["-incrby"],
        ["resetchannels", "&feed.*", "&comments*", "&tidings*", "&__redis__*", "&conffeed", "&delfeed"],
    ]
    #: Within so many seconds all edges notice a setting with which they cannot keep promises, or that it is right.
    NOTICED = 15.0

    _older: OlderMaster | None = None

    def _redis_killed(self) -> Course:
        self.system.redis.kill_and_restart(self.random.uniform(0.0, 0.5))
        return 0.0, None

    def _redis_stopped(self) -> Course:
        return self._stop([self.system.redis.pid], self._some(0.1, 3.0))

    def _connections_killed(self) -> Course:
        return self._done(self._ask("CLIENT", "KILL", "TYPE", "normal"))

    def _subscriptions_killed(self) -> Course:
        return self._done(self._ask("CLIENT", "KILL", "TYPE", "pubsub"))

    def _functions_flushed(self) -> Course:
        return self._done(self._ask("FUNCTION", "FLUSH"))

    def _scripts_flushed(self) -> Course:
        return self._done(self._ask("SCRIPT", "FLUSH"))

    def _memory_full(self) -> Course:
        lasts = self._some(0.2, 2.0)
        info = self._ask("INFO", "memory")
        if not isinstance(info, bytes):
            return None, None
        used = int(info.split(b"used_memory:")[1].split(b"\r", 1)[0])
        if self._ask("CONFIG", "SET", "maxmemory", used - 4096) is None:
            return None, None
        # A restart widens it as well.
        return lasts, lambda: self._insist("CONFIG", "SET", "maxmemory", 0)

    def _clients_paused(self) -> Course:
        lasts = self._some(0.1, 2.0)
        mode = self.random.choice(["ALL", "WRITE"])
        answer = self._ask("CLIENT", "PAUSE", int(lasts * 1000), mode)
        # The server ends it by itself.
        return (None if answer is None else lasts), lambda: None

    # The clock

    def _step(self) -> float:
        return self.random.choice([self.random.uniform(0.5, 5.0), self.random.uniform(5.0, 150.0)])

    def _clock_stepped_forward(self) -> Course:
        self.system.redis.step_clock(self._step())
        return 0.0, None

    def _clock_stepped_back(self) -> Course:
        self.system.redis.step_clock(-self._step())
        return 0.0, None

    # Data

    def _data_flushed(self) -> Course:
        # An older master would bring back what is flushed now.
        if self._older:
            return None, None
        self._wake_redis()
        since, began = self.prober.oldest_waiting() - 3.0, time.monotonic()

        def flush() -> bool:
            client = self.system.redis.control(20.0)
            try:
                replies = client.pipeline([("MULTI",), ("FLUSHALL",), ("PUBLISH", FENCE, ""), ("EXEC",)])
                return isinstance(replies[-1], list)
            except ConnectionLost:
                self.findings.add("stuck", "Redis does not answer to FLUSHALL for 20 s")
                return True
            finally:
                client.close()

        if not self.auditor.while_taken_back(flush, whole=True):
            return None, None
        self.system.redis.take_back(since, began, time.monotonic())
        return 0.0, None

    def _replica_and_back(self) -> Course:
        """The server becomes a replica of one that has the data of some moments ago, and is a master again: as when a
        failover is undone. No connection is cut."""
        if self._older:
            return None, None
        self._wake_redis()
        older = OlderMaster(self.system.redis)
        if older.since is None:
            older.end()
            return None, None
        self._older = older

        def back() -> None:
            self._wake_redis()
            assert older.since is not None
            began = time.monotonic()

            def take_over() -> bool:
                return older.take_over(20.0) and self._insist("PUBLISH", FENCE, "")

            if not self.auditor.while_taken_back(take_over, whole=False):
                self.findings.add("stuck", "Redis does not become a replica and a master again within 20 s")
            self.system.redis.take_back(older.since - 1.0, began, time.monotonic())
            older.end()
            self._older = None

        return self._some(0.5, 4.0), back

    # Rights and settings

    def _rights_taken_away(self) -> Course:
        lasts, rights = self._some(0.3, 4.0), self.random.choice(self.RIGHTS)
        users = self.random.choice([USERS, USERS[:1], USERS[1:]])
        if any(self._ask("ACL", "SETUSER", user, *rights) is None for user in users):
            users = USERS
            lasts = 0.0

        def give_back() -> None:
            # A restart gives them back as well.
            for user in users:
                self._insist("ACL", "SETUSER", user, "+@all", "allchannels")

        return lasts, give_back

    def _eviction_policy_wrong(self) -> Course:
        """Redis may delete keys, though there is room enough. `/ready` of all edges must say so, and must be well again
        when the policy is right again."""
        if self._ends or self._ask("CONFIG", "SET", "maxmemory", "100gb", "maxmemory-policy", "allkeys-lru") is None:
            return None, None
        said = self.system.are_ready(False, self.NOTICED)
        self._insist("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")
        if said is not None:
            self.findings.add(
                "not told", f"/ready is not 503 {self.NOTICED:.0f} s after maxmemory-policy became allkeys-lru: {said}")
        said = self.system.are_ready(True, self.NOTICED)
        if said is not None:
            self.findings.add("not ready", f"{self.NOTICED:.0f} s after maxmemory-policy is right again: {said}")
        return 0.0, None
