import Redis
import Store
import TestSupport
import Testing

@Suite("loading the library")
struct LoadingTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    private func ensureLoaded(_ bundle: FunctionLibrary) throws -> Result<Void, RedisError>? {
        var answer: Result<Void, RedisError>?
        bundle.ensureLoaded(on: library.redis.connection) { answer = $0 }
        try library.runner.run(within: 10, "an answer") { answer != nil }
        return answer
    }

    @Test("an absent library is loaded")
    func absent() throws {
        try library.redis.ask("FUNCTION", "FLUSH")
        #expect(try library.redis.error("FCALL", "tidings_version", "0")?.code == .functionMissing)
        #expect(throws: Never.self) { try #require(try ensureLoaded(.tidings)).get() }
        #expect(try library.call("version", []) == "\(FunctionLibrary.tidings.version)")
    }

    @Test("the version that is declared in Swift is the one that the Lua file answers")
    func version() throws {
        #expect(try library.redis.ask("FCALL_RO", "tidings_version", "0").integer == FunctionLibrary.tidings.version)
    }

    @Test("an older library is replaced, the same and a newer one stay")
    func versions() throws {
        func stand(_ version: Int) throws {
            let source = """
                #!lua name=tidings
                redis.register_function{function_name='tidings_version', callback=function() return \(version) end,
                  flags={'no-writes'}}
                """
            try library.redis.ask("FUNCTION", "LOAD", "REPLACE", source)
        }
        let ours = Int(FunctionLibrary.tidings.version)
        try stand(ours - 1)
        _ = try ensureLoaded(.tidings)
        #expect(try library.redis.error("FCALL_RO", "tidings_status", "0", "t") == nil)
        for version in [ours, ours + 1] {
            try stand(version)
            _ = try ensureLoaded(.tidings)
            #expect(try library.redis.error("FCALL_RO", "tidings_status", "0", "t")?.code == .functionMissing)
        }
    }

    @Test("functions survive a restart of a server with an append-only file")
    func restart() throws {
        let kept = try TidingsLibrary(appendOnly: .always)
        try kept.server.restart()
        try kept.runner.run(within: 10, "the test noticed") { !kept.redis.connection.isReady }
        try kept.redis.reconnected()
        #expect(try kept.call("version", []) == "\(FunctionLibrary.tidings.version)")
    }
}
