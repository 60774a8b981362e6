import Redis
import Testing

@Suite("errors of Redis")
struct RedisErrorTests {
    @Test(
        "an error reply is classified by its first word, and keeps its text",
        arguments: [
            ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, true),
            ("LOADING Redis is loading the dataset in memory", .loading, true),
            ("READONLY You can't write against a read only replica.", .readOnly, true),
            ("MASTERDOWN Link with MASTER is down", .readOnly, true),
            ("BUSY Redis is busy running a script.", .busy, true), ("NOAUTH Authentication required.", .denied, true),
            ("WRONGPASS invalid username-password pair or user is disabled.", .denied, true),
            ("NOPERM this user has no permissions", .denied, true),
            ("MISCONF Redis is configured to save RDB snapshots", .misconfigured, true),
            ("NOREPLICAS Not enough good replicas to write.", .misconfigured, true),
            ("ERR The user executing the script can't run this command or subcommand", .denied, true),
            ("ERR Function not found", .functionMissing, true),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType, false),
            ("ERR unknown command 'X'", .reply, false), ("EXECABORT Transaction discarded", .reply, false),
            ("OOMPH", .reply, false), ("", .reply, false),
        ] as [(String, RedisError.Code, Bool)])
    func classified(_ reply: String, _ code: RedisError.Code, _ isTransient: Bool) {
        let error = RedisError(reply: reply)
        #expect(error.code == code)
        #expect(error.isTransient == isTransient)
        #expect("\(error)" == reply)
    }

    @Test("a lost connection may be cured by time, a bad address not")
    func transient() {
        #expect(RedisError(.disconnected, "").isTransient)
        #expect(RedisError(.timeout, "").isTransient)
        #expect(!RedisError(.address, "").isTransient)
    }
}
