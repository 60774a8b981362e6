import TestSupport
import Testing

@testable import Edge

@Suite("Every limit has its effect, and is counted")
struct LimitCounterTests {
    @Test(
        "a limit that has had its effect is counted by its name, and was not counted before",
        arguments: EdgeLimit.allCases)
    func counted(_ limit: EdgeLimit) throws {
        let scene = LimitScene(limit)
        let edge = try EdgeHarness { scene.configure(&$0) }
        defer { try? edge.stop() }
        #expect(try Self.count(limit, edge) == 0)
        let clients = try scene.play(edge)
        try eventually(within: 10, "\(limit.name) is counted") { try Self.count(limit, edge) > 0 }
        withExtendedLifetime(clients) {}
    }

    /// Read beside HTTP: the limit may be one that answers nobody.
    private static func count(_ limit: EdgeLimit, _ edge: EdgeHarness) throws -> Int {
        let words = try edge.on { $0.server.limitsReached }.split(separator: " ").map { $0.split(separator: "=") }
        return words.first { $0[0] == limit.name }.flatMap { Int($0[1]) } ?? 0
    }
}
