import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Real edges whose keys change while they run, and where their keys can be seen: nowhere.
struct AccessReloadTests {
    private static let old = "old-api-key-0123456789-abcdefghij"
    private static let new = "new-api-key-0123456789-abcdefghij"
    private static let secret = "hmac-secret-0123456789-abcdefghij-0123456789"
    private static let comment = #"{"thread":"1","text":"hello"}"#

    private static func post(_ port: UInt16, _ key: String) throws -> Int {
        try HTTPClient(port: port, timeout: 10).post("/v1/comments", comment, headers: ["X-Api-Key": key]).status
    }

    @Test("after SIGHUP the old key no longer works and the new one does; meanwhile no connection is refused")
    func rotation() throws {
        let world = try AccessWorld(edge: "hold: 1s\napi_keys: [{ name: blog, file: FOLDER/key }]\napi_rate: none")
        try world.folder.write(Self.old, to: "key")
        let (edge, port) = try world.launch(workers: 2)
        #expect(try Self.post(port, Self.old) == 202 && Self.post(port, Self.new) == 401)
        // Which key holds depends on whom it meets; that it is answered does not.
        let load = Load { try [202, 401].contains(Self.post(port, Self.new)) }
        // A file that is no key changes nothing, and is not the end of what runs.
        try world.folder.write("short", to: "key")
        edge.send(SIGHUP)
        try eventually(within: 10, "the supervisor says what is wrong") { edge.errors.contains("nothing was changed") }
        #expect(try Self.post(port, Self.old) == 202)
        try world.folder.write(Self.new + "\n", to: "key")
        edge.send(SIGHUP)
        try eventually(within: 30, "every process knows the new key only; log: \(edge.errors)", every: 0.05) {
            (0..<20).allSatisfy { _ in
                (try? Self.post(port, Self.new)) == 202 && (try? Self.post(port, Self.old)) == 401
            }
        }
        try load.expectNoFailure()
    }

    @Test("tokens of a key that was taken out are refused after SIGHUP, those of the key beside it never")
    func tokens() throws {
        let both = """
            hold: 1s
            tokens: { keys: [{ id: k1, hs256: { file: FOLDER/k1 } }, { id: k2, hs256: { file: FOLDER/k2 } }] }
            """
        let world = try AccessWorld(edge: both)
        try world.folder.write(Self.secret, to: "k1")
        try world.folder.write(String(Self.secret.reversed()), to: "k2")
        let (edge, port) = try world.launch(workers: 2)
        let status: @Sendable (String) throws -> Int = { token in
            try HTTPClient(port: port, timeout: 10).get("/v1/channels/user:7?access_token=\(token)").status
        }
        let tokens = try ["k1", "k2"].map {
            String(try world.token("--channel", "user:7", "--key-id", $0).output.dropLast())
        }
        #expect(try tokens.map(status) == [200, 200])
        let load = Load { try status(tokens[1]) == 200 }
        try world.configure("hold: 1s\ntokens: { keys: [{ id: k2, hs256: { file: FOLDER/k2 } }] }")
        edge.send(SIGHUP)
        try eventually(within: 30, "every process has forgotten the first key; log: \(edge.errors)", every: 0.05) {
            (0..<20).allSatisfy { _ in (try? status(tokens[0])) == 401 }
        }
        try load.expectNoFailure()
    }

    @Test("no key and no token stands on a command line, in a log, in status or in metrics")
    func secrecy() throws {
        let world = try AccessWorld(
            edge: """
                tokens: { keys: [{ id: k1, hs256: { env: TOKEN_KEY } }] }
                api_keys: [{ name: blog, env: BLOG_KEY }, { name: forum, file: FOLDER/forum }]
                """)
        try world.folder.write(Self.new, to: "forum")
        let secrets = ["TOKEN_KEY": Self.secret, "BLOG_KEY": Self.old]
        let (edge, port) = try world.launch(workers: 2, ["--log", "trace"], environment: secrets)
        let token = String(try world.token("--channel", "user:7", environment: secrets).output.dropLast())
        let client = HTTPClient(port: port)
        for (path, headers, status) in [
            ("/v1/channels/user:7?access_token=\(token)", [:], 200),
            ("/v1/channels/user:8?access_token=\(token)", [:], 403),
            ("/v1/poll?c=user:7@now&timeout=1", ["Authorization": "Bearer \(token)"], 200),
            ("/v1/channels/user:7?access_token=\(token)x", [:], 401),
        ] as [(String, [String: String], Int)] {
            #expect(try client.get(path, headers: headers).status == status, "\(path)")
        }
        #expect(try Self.post(port, Self.old) == 202 && Self.post(port, Self.new) == 202)
        #expect(try Self.post(port, Self.new + "x") == 401)
        let status = try TidingsBinary.run(["status", "--json", "--redis", world.server.url])
        let processes = ProcessTable.descendants(of: edge.pid).map(\.command)
        #expect(processes.count == 2 && status.succeeded)
        var seen = processes + [edge.output, edge.errors, status.output]
        for _ in 0..<4 { seen.append(try HTTPClient(port: port).get("/metrics").text) }
        seen.append(try world.server.cli("--scan"))
        for secret in [Self.secret, Self.old, Self.new, token, String(token.split(separator: ".")[2])] {
            for text in seen { #expect(!text.contains(secret)) }
        }
    }

    /// A thread that does the same again and again, over a new connection each time.
    private final class Load: Sendable {
        private struct State {
            var count = 0
            /// Answers that were not the right ones.
            var wrong = 0
            /// Connections that failed.
            var failures: [String] = []
            var isStopped = false
            var hasEnded = false
        }

        private let state = Mutex(State())

        /// - Parameter action: whether the answer was right.
        init(_ action: @escaping @Sendable () throws -> Bool) {
            Thread.detachNewThread { [self] in
                while !state.withLock({ $0.isStopped }) {
                    let result = Result { try action() }
                    state.withLock { state in
                        state.count += 1
                        switch result {
                        case .success(let isRight): state.wrong += isRight ? 0 : 1
                        case .failure(let error): state.failures.append("\(error)")
                        }
                    }
                }
                state.withLock { $0.hasEnded = true }
            }
        }

        /// Ends it, and expects that each time was answered as it should be.
        func expectNoFailure() throws {
            state.withLock { $0.isStopped = true }
            try eventually(within: 15, "the load ends") { state.withLock { $0.hasEnded } }
            let end = state.withLock { $0 }
            #expect(end.count > 5 && end.wrong == 0)
            #expect(end.failures.isEmpty, "\(end.failures)")
        }
    }
}
