import ArgumentParser
import Edge
import Store
import Supervision
import TestSupport
import Testing

@testable import Commands
@testable import Configuration

/// The limits of an edge in tidings.yaml, in the environment and as flags.
struct EdgeLimitSettingTests {
    private static func settings(_ edge: String) throws -> Configuration {
        try Configuration(yaml: "edge: { \(edge) }", file: "tidings.yaml")
    }

    private static func limits(
        _ flags: [String] = [], variables: [String: String] = [:], file: String = "hold: 20s"
    ) throws -> EdgeLimits {
        try parsed(flags).limits(settings(file), environment: { variables[$0] })
    }

    /// To parse so many flags takes long in a build for debugging: no flags are parsed once.
    private static func parsed(_ flags: [String]) throws -> EdgeLimitFlags {
        try flags.isEmpty ? none.get() : EdgeLimitFlags.parse(flags)
    }

    private static let none = Result { try EdgeLimitFlags.parse([]) }

    @Test("nothing said is nothing changed")
    func standard() throws {
        #expect(try Self.limits() == EdgeLimits())
    }

    @Test("flag over environment over file over default", arguments: EdgeLimit.allCases)
    func precedence(_ limit: EdgeLimit) throws {
        let low = limit.declaration.range.lowerBound
        let file = "limits: { \(limit.name): \(limit.text(low)) }"
        let variables = [limit.variable: limit.text(low + 1)]
        let flags = [limit.flag, limit.text(low + 2)]
        #expect(limit.value(in: try Self.limits()) == limit.setting.defaultValue)
        #expect(limit.value(in: try Self.limits(file: file)) == low)
        #expect(limit.value(in: try Self.limits(variables: variables, file: file)) == low + 1)
        let parsed = try Self.parsed(flags)
        #expect(
            limit.value(in: try parsed.limits(Self.settings(file), environment: { variables[$0] })) == low + 2)
        // Nothing else is touched by it.
        var only = EdgeLimits()
        limit.set(low + 2, in: &only)
        #expect(try parsed.limits(Self.settings("hold: 20s"), environment: { _ in nil }) == only)
        // A child is told the same, and only what flags say: the rest it finds itself.
        #expect(parsed.words == flags)
        #expect(try Self.parsed([]).words == [])
    }

    @Test("both ends of the range can be set everywhere, and nothing beyond", arguments: EdgeLimit.allCases)
    func range(_ limit: EdgeLimit) throws {
        let range = limit.declaration.range
        for end in [range.lowerBound, range.upperBound] {
            #expect(limit.value(in: try Self.limits(file: "limits: { \(limit.name): \(limit.text(end)) }")) == end)
            #expect(limit.value(in: try Self.limits(variables: [limit.variable: limit.text(end)])) == end)
        }
        for beyond in [range.lowerBound - 1, range.upperBound + 1] where beyond >= 0 {
            let text = limit.text(beyond)
            #expect(throws: ConfigurationError.self, "\(text)") {
                try Self.limits(file: "limits: { \(limit.name): \(text) }")
            }
            #expect(throws: (any Error).self, "\(text)") { try Self.limits([limit.flag, text]) }
            #expect(throws: (any Error).self, "\(text)") { try Self.limits(variables: [limit.variable: text]) }
        }
    }

    @Test("flags take both ends of every range, all at once", arguments: [true, false])
    func flagEnds(isLower: Bool) throws {
        func end(_ limit: EdgeLimit) -> Int {
            isLower ? limit.declaration.range.lowerBound : limit.declaration.range.upperBound
        }
        let limits = try Self.limits(EdgeLimit.allCases.flatMap { [$0.flag, $0.text(end($0))] })
        for limit in EdgeLimit.allCases { #expect(limit.value(in: limits) == end(limit), "\(limit.name)") }
    }

    @Test("flags and variables take a number alone as well: of seconds, of bytes")
    func plain() throws {
        let limits = try Self.limits(
            ["--header-timeout", "7", "--batch-bytes", "2048"],
            variables: ["TIDINGS_IDLE_TIMEOUT": "90", "TIDINGS_URL_BYTES": "4KB"])
        #expect(limits.headerTimeout == 7000 && limits.batchBytes == 2048)
        #expect(limits.idleTimeout == 90_000 && limits.urlBytes == 4096)
    }

    @Test("unless somebody says otherwise a comment is as large as the pipeline takes it, and a ring as long as a feed")
    func followers() throws {
        let yaml = "stages: [{ validate: { max_bytes: 1000 } }, { publish: { history: 5000 } }]"
        let settings = try Configuration(yaml: yaml, file: "tidings.yaml")
        let limits = try Self.parsed([]).limits(settings, environment: { _ in nil })
        #expect(limits.bodyBytes == 1000 && limits.ringEvents == 5000)
        let said = try EdgeLimitFlags.parse(["--body-bytes", "500"]).limits(
            Configuration(yaml: yaml + "\nedge: { limits: { ring_events: 10 } }", file: "tidings.yaml"),
            environment: { _ in nil })
        #expect(said.bodyBytes == 500 && said.ringEvents == 10)
    }

    @Test("three stand where they stood before there was a place for all, too")
    func early() throws {
        let limits = try Self.limits(file: "connections_per_address: 7, accept_rate: 8, stream_timeout: 9s")
        #expect(limits.connectionsPerAddress == 7 && limits.acceptRate == 8 && limits.streamTimeout == 9000)
    }

    @Test(
        "an error names file, line and key",
        arguments: [
            (
                "edge:\n  limits:\n    max_connection: 5",
                "3: edge.limits.max_connection: unknown key; known here: max_con"
            ),
            ("edge:\n  limits:\n    url_bytes: 4096", "3: edge.limits.url_bytes: '4096' is no size"),
            (
                "edge:\n  limits:\n    url_bytes: 1GB",
                "3: edge.limits.url_bytes: '1GB' is out of range; write 64B to 64KB"
            ),
            ("edge:\n  limits: { header_timeout: 5 }", "2: edge.limits.header_timeout: '5' is no time"),
            (
                "edge:\n  limits: { header_timeout: 2h }",
                "2: edge.limits.header_timeout: '2h' is out of range; write at least 1s and at most 1h"
            ),
            ("edge: { limits: { max_channels: 0 } }", "1: edge.limits.max_channels: '0' is no whole number from 1 to"),
            ("edge: { limits: 5 }", "1: edge.limits: expected keys and values"),
            (
                "edge:\n  limits: { accept_rate: 5 }\n  accept_rate: 5",
                "3: edge.accept_rate: stands in edge.limits as well"
            ),
            ("edge: { drain: 2h }", "1: edge.drain: '2h' is out of range"),
        ])
    func errors(yaml: String, expected: String) {
        #expect {
            try Configuration(yaml: yaml, file: "tidings.yaml")
        } throws: { error in
            let text = "\(error)"
            if !text.hasPrefix("tidings.yaml:\(expected)") { Issue.record("\(text)\nwanted: \(expected)") }
            return error is ConfigurationError
        }
    }

    @Test("the rate of a key comes from the flag, else from the environment, else from the file")
    func rate() throws {
        let setting = try Self.settings("api_rate: 1/s").access
        func options(_ flags: [String], _ variables: [String: String]) throws -> AccessOptions {
            try EdgeAccessFlags.parse(flags).options(setting, isLocal: true, environment: { variables[$0] })
        }
        #expect(try options([], [:]).apiRate?.count == 1)
        let variables = ["TIDINGS_API_RATE": "2/s", "TIDINGS_API_BURST": "22"]
        let named = try options([], variables)
        #expect(named.apiRate?.count == 2 && named.apiBurst == 22)
        let given = try options(["--api-rate", "3/s", "--api-burst", "33"], variables)
        #expect(given.apiRate?.count == 3 && given.apiBurst == 33)
        #expect(try options(["--api-rate", "none"], variables).apiRate == nil)
    }

    @Test(
        "only another limit is taken by processes that run; anything else replaces them, and so does nothing at all",
        arguments: [
            ("", "", false), ("", "edge: { limits: { url_bytes: 4KB } }", true),
            ("edge: { limits: { url_bytes: 4KB } }", "", true),
            ("edge: { hold: 2s }", "edge: { hold: 2s, accept_rate: 5 }", true),
            ("edge: { hold: 2s }", "edge: { hold: 3s, accept_rate: 5 }", false),
            ("edge: { hold: 2s }", "edge: { hold: 3s }", false),
            ("edge: { limits: { url_bytes: 4KB } }", "batch: 5\nedge: { limits: { url_bytes: 5KB } }", false),
            // What is said is what holds anyway.
            ("", "edge: { limits: { url_bytes: 8KB } }", false),
            ("edge: { accept_rate: 5 }", "edge: { limits: { accept_rate: 5 } }", false),
            ("stages: [{ validate: { max_bytes: 1000 } }]", "stages: [{ validate: { max_bytes: 999 } }]", false),
        ])
    func shape(before: String, after: String, isLimitsOnly: Bool) throws {
        func shape(_ yaml: String) throws -> PoolShape {
            let settings = try Configuration(yaml: yaml, file: "tidings.yaml")
            let limits = try Self.parsed([]).limits(settings, environment: { _ in nil })
            return PoolShape(
                layout: settings.layout, grace: 0, edges: try PoolShape.Edges(settings, limits: limits))
        }
        #expect(try shape(after).differsOnlyInLimits(from: shape(before)) == isLimitsOnly)
    }

    @Test("another key in the same file is no mere change of limits")
    func keys() throws {
        let folder = try TemporaryFolder()
        func shape(_ key: String, _ limit: Int) throws -> PoolShape {
            try folder.write(key, to: "key")
            let settings = try Self.settings(
                "api_keys: [{ name: a, file: \(folder.file("key")) }], limits: { max_channels: \(limit) }")
            let limits = try Self.parsed([]).limits(settings, environment: { _ in nil })
            return PoolShape(
                layout: settings.layout, grace: 0, edges: try PoolShape.Edges(settings, limits: limits))
        }
        let before = try shape("a-key-of-more-than-twenty", 1)
        #expect(try shape("a-key-of-more-than-twenty", 2).differsOnlyInLimits(from: before))
        #expect(try !shape("another-key-of-more-than-20", 2).differsOnlyInLimits(from: before))
    }

    @Test("sizes are written with the largest unit that leaves a whole number")
    func sizes() {
        let texts = [0, 1, 1023, 1024, 1025, 65_536, 1 << 20, (1 << 20) + 1024, 1 << 40].map(ByteSize.text)
        #expect(texts == ["0B", "1B", "1023B", "1KB", "1025B", "64KB", "1MB", "1025KB", "1TB"])
        for text in texts { #expect(ByteSize.bytes(text).map(ByteSize.text) == text) }
    }
}

extension EdgeLimit {
    fileprivate var flag: String { "--" + (setting.flag ?? "") }
    fileprivate var variable: String { setting.variable ?? "" }
    fileprivate func text(_ value: Int) -> String { setting.form.text(value) }
}
