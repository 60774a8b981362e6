import Redis
import Testing

@testable import Simulation

struct RESPReaderTests {
    private static let wire = Array(
        "+OK\r\n:-12\r\n$5\r\nab\r\nc\r\n$-1\r\n*2\r\n*1\r\n:1\r\n-NOPERM no\r\n*0\r\n$0\r\n\r\n".utf8)
    private static let values: [RedisValue] = [
        .string(Array("OK".utf8)), .integer(-12), .string(Array("ab\r\nc".utf8)), .null,
        .array([.array([.integer(1)]), .error(RedisError(reply: "NOPERM no"))]), .array([]), .string([]),
    ]

    @Test func `Replies that come in pieces are those that come at once`() {
        for size in 1...RESPReaderTests.wire.count {
            var reader = RESPReader()
            var values: [RedisValue] = []
            var rest = RESPReaderTests.wire[...]
            while !rest.isEmpty {
                reader.feed(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let value = reader.next() { values.append(value) }
            }
            #expect(values == RESPReaderTests.values, "pieces of \(size) bytes")
        }
    }
}
