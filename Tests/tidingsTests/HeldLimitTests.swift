import TestSupport
import Testing

/// What becomes of held events when nobody decides about them.
struct HeldLimitTests {
    @Test("a full list of held events lets the oldest fall off, counted, logged and shown in the status")
    func cap() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let configuration = try folder.write(
            "partitions: 1\nheld_limit: 3\nstages: [{ moderate: { max_links: 0 } }, publish]\n", to: "tidings.yaml")
        let pool = try TidingsBinary.launch([
            "work", "--workers", "1", "--config", configuration, "--redis", server.url,
        ])
        for number in 0..<5 {
            try server.cli(
                "RPUSH", "comments:incoming", #"{"thread":"t","id":"\#(number)","text":"http://a.example"}"#)
        }
        try eventually(within: 20, "five were held; log: \(pool.errors)") {
            try server.cli("HGET", "{comments.0}:lane:moderate", "held") == "5"
        }
        #expect(try server.cli("HGET", "{comments.0}:lane:moderate", "held:forgotten") == "2")
        let kept = try server.cli("LRANGE", "{comments.0}:held:moderate", "0", "-1").split(separator: "\n")
        #expect(try kept.map { try ParsedJSON(parsing: String($0))["event"]?["id"]?.string } == ["2", "3", "4"])
        try eventually(within: 5, "the log says so: \(pool.errors)") { pool.errors.contains("the oldest fell off") }
        let status = try TidingsBinary.run([
            "status", "--json", "--config", configuration, "--redis", server.url,
        ])
        let lanes = try ParsedJSON(parsing: status.output)["lanes"]?.array ?? []
        #expect(lanes.first { $0["stage"] == "moderate" }?["held_forgotten"]?.integer == 2, "\(status)")
    }
}
