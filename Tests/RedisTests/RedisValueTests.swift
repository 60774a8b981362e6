import Redis
import Testing

@Suite("values of Redis")
struct RedisValueTests {
    private static let values: [RedisValue] = [
        .null, .integer(7), .string(Array("42".utf8)), .string(Array("x".utf8)), .string([0xff]), .array([.null]),
        .error(RedisError(reply: "ERR")),
    ]

    @Test("each way to read a value gives nil for what it does not fit")
    func accessors() {
        #expect(Self.values.map(\.integer) == [nil, 7, 42, nil, nil, nil, nil])
        #expect(Self.values.map(\.text) == [nil, nil, "42", "x", "\u{fffd}", nil, nil])
        #expect(Self.values.map(\.bytes) == [nil, nil, Array("42".utf8), Array("x".utf8), [0xff], nil, nil])
        #expect(Self.values.map(\.array) == [nil, nil, nil, nil, nil, [.null], nil])
    }
}
