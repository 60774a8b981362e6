import Events
import TestSupport
import Testing

@testable import Edge

/// Random connections: requests in pieces, damaged, cut off or aborted.
@Suite("Connections under fuzzing")
struct ConnectionFuzzTests {
    /// How a client's connection ends.
    private enum End: CaseIterable {
        /// The client sends one more request.
        case stay
        /// The client closes its sending side and reads everything.
        case half
        /// The last request is damaged, then the client closes its sending side.
        case damaged
        /// The client disconnects in the middle of something.
        case abort
    }

    private var random = SplitMix64()
    private let world: PoolWorld
    private let control: PoolWorld.Client
    private var mutator: Mutator

    private static let live = Array("GET /live HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

    init() throws {
        world = try PoolWorld(EdgeLimits())
        for number in 1...3 { world.source.publish("\(number)", to: "thread:1") }
        control = try world.connect()
        var generator = random
        let corpus = (0..<60).map { _ in FuzzRequest(using: &generator).bytes }
        mutator = Mutator(corpus: corpus, random: generator)
    }

    @Test("whole requests are answered in order, damaged ones with an error, and no connection is leaked")
    mutating func connections() throws {
        for round in 0..<1000 {
            let end = try #require(End.allCases.randomElement(using: &random))
            try play(end, "seed \(random.seed), round \(round)")
            try askControl()
            try world.runner.run(within: 5, "seed \(random.seed), round \(round): the connection is gone") {
                world.pool.count == 1
            }
        }
        #expect(world.pool.budget.bytes == 0, "seed \(random.seed)")
    }

    private mutating func play(_ end: End, _ name: String) throws {
        let requests = (0..<Int.random(in: 0...6, using: &random)).map { _ in FuzzRequest(using: &random) }
        let expected = requests.map(\.status)
        var input = requests.flatMap(\.bytes)
        let damaged = end == .damaged ? mutator.next() : []
        switch end {
        case .damaged: input += damaged
        case .abort: input.removeLast(input.isEmpty ? 0 : Int.random(in: 0...input.count, using: &random))
        case .stay, .half: break
        }
        let client = try world.connect()
        try send(input, client)
        switch end {
        case .abort: return
        case .stay:
            try wait(for: client, name) { $0.answers == expected.count }
            #expect(client.statuses == expected, "\(name)")
            // The connection is in sync.
            try send(Self.live, client)
            try wait(for: client, name) { $0.answers == expected.count + 1 }
            #expect(client.received.hasSuffix("\r\n\r\nlive\n"), "\(name)")
        case .half, .damaged:
            client.finishSending()
            try wait(for: client, name, toTheEnd: true) { _ in false }
            let statuses = client.statuses
            #expect(Array(statuses.prefix(expected.count)) == expected, "\(name): \(statuses) for \(expected)")
            if end == .half { #expect(statuses.count == expected.count, "\(name): \(statuses)") }
            judge(client, behind: expected.count, damaged, name)
        }
    }

    /// Checks the answers to damaged input: each one fits what the input has become, and nothing follows the last
    /// answer.
    private func judge(_ client: PoolWorld.Client, behind whole: Int, _ damaged: [UInt8], _ name: String) {
        var parser = RequestParser(limits: EdgeLimits())
        switch parser.parse(damaged.span) {
        case .needsMore: #expect(client.statuses.count == whole, "\(name)")
        case .refused(let error):
            #expect(client.statuses.dropFirst(whole) == [error.status.rawValue], "\(name): \(client.received)")
            #expect(client.received.contains("\r\nConnection: close\r\n"), "\(name)")
        case .complete: break
        }
        let answers = client.received.split(separator: "HTTP/1.1 ").filter { Int($0.prefix(3)) != nil }
        let rest = answers.dropFirst(whole)
        for (index, answer) in rest.enumerated() {
            let status = Int(answer.prefix(3)) ?? 0
            #expect((100..<500).contains(status) || [501, 505].contains(status), "\(name): \(answer)")
            let isLast = index == rest.count - 1
            let head = answer.split(separator: "\r\n\r\n", maxSplits: 1).first ?? ""
            if head.contains("Connection: close") { #expect(isLast, "\(name): \(answer)") }
        }
    }

    /// Sends in pieces, with turns of the loop in between. Stops early when the server has closed.
    private mutating func send(_ input: [UInt8], _ client: PoolWorld.Client) throws {
        var rest = input[...]
        while !rest.isEmpty {
            let isSmall = Int.random(in: 0..<3, using: &random) == 0
            let piece = rest.prefix(Int.random(in: 1...(isSmall ? 40 : 9000), using: &random))
            guard let count = client.send(piece) else { return }
            rest = rest.dropFirst(count)
            for _ in 0..<Int.random(in: count == 0 ? 1...2 : 0...2, using: &random) {
                world.runner.loop.runOnce(wait: false)
                client.receive()
            }
        }
    }

    /// Runs the loop until the condition holds. With `toTheEnd`, the server must close the connection; otherwise it
    /// must not.
    private func wait(
        for client: PoolWorld.Client, _ name: String, toTheEnd: Bool = false,
        until condition: (PoolWorld.Client) -> Bool
    ) throws {
        var isClosed = false
        try world.runner.run(within: 5, "\(name): \(client.statuses)") {
            isClosed = client.receive()
            return isClosed || condition(client)
        }
        #expect(isClosed == toTheEnd, "\(name)")
    }

    private func askControl() throws {
        let answers = control.answers
        control.send("GET /v1/channels/thread:1?offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.runner.run(within: 5, "seed \(random.seed): the control connection is served") {
            control.receive()
            return control.answers > answers
        }
        #expect(control.received.hasSuffix("[1,2,3]"), "seed \(random.seed)")
    }
}

/// A valid request in a random form, with the status that it gets.
struct FuzzRequest {
    let bytes: [UInt8]
    let status: Int

    init(using random: inout some RandomNumberGenerator) {
        let fields = (0..<Int.random(in: 0...3, using: &random)).map { "X-\($0): \(Self.word(&random))\r\n" }.joined()
        let host = "Host: \(Self.word(&random))\r\n"
        func head(_ line: String) -> String { "\(line) HTTP/1.1\r\n\(host)\(fields)" }
        let text: String
        switch Int.random(in: 0..<11, using: &random) {
        case 0: (text, status) = (head("GET /live") + "\r\n", 200)
        case 1: (text, status) = (head("GET /none/\(Self.word(&random))") + "\r\n", 404)
        case 2: (text, status) = (head("HEAD /live") + "\r\n", 200)
        case 3: (text, status) = (head("OPTIONS /v1/poll") + "\r\n", 204)
        case 4: (text, status) = (head("GET /v1/comments") + "\r\n", 405)
        case 5: (text, status) = (head("BREW /v1/comments") + "\r\n", 501)
        case 6: (text, status) = (head("GET /v1/channels/thread:1?offset=-1&live=long-poll") + "\r\n", 200)
        case 7: (text, status) = (head("GET /v1/poll?c=thread:1@-1&c=thread:%31%32@now") + "\r\n", 200)
        case 8: (text, status) = (head("GET /v1/channels/thread:1?offset=\(Self.word(&random))") + "\r\n", 400)
        case 9:
            let body = Self.body(&random)
            (text, status) = (head("POST /v1/comments") + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)", 202)
        default:
            let body = Self.chunked(Self.body(&random), &random)
            (text, status) = (head("POST /v1/comments") + "Transfer-Encoding: chunked\r\n\r\n\(body)", 202)
        }
        bytes = Array(text.utf8)
    }

    private static func word(_ random: inout some RandomNumberGenerator) -> String {
        String(
            (0..<Int.random(in: 1...12, using: &random)).map { _ in "abcdefghijk".randomElement(using: &random) ?? "l" }
        )
    }

    private static func body(_ random: inout some RandomNumberGenerator) -> String {
        let size = Int.random(in: 1...(Int.random(in: 0..<8, using: &random) == 0 ? 20_000 : 300), using: &random)
        return "{\"text\":\"" + String(repeating: word(&random), count: size / 6 + 1) + "\"}"
    }

    private static func chunked(_ body: String, _ random: inout some RandomNumberGenerator) -> String {
        var text = ""
        var rest = Substring(body)
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...5000, using: &random))
            rest = rest.dropFirst(chunk.count)
            text += String(chunk.count, radix: 16, uppercase: Bool.random(using: &random)) + "\r\n\(chunk)\r\n"
        }
        return text + "0\r\n\r\n"
    }
}
