import Redis
import TestSupport
import Testing

@Suite("commands")
struct RedisCommandTests {
    @Test("a command is written as RESP, its arguments counted in bytes")
    func encoding() {
        let command = RedisCommand("SET", "é", "")
        #expect(String(decoding: command.encoded, as: UTF8.self) == "*3\r\n$3\r\nSET\r\n$2\r\né\r\n$0\r\n\r\n")
    }

    @Test("arguments are bytes: NUL, line ends and broken UTF-8 stay as they are")
    func binary() {
        var command = RedisCommand("X")
        command.append([0, 13, 10, 0xff] as [UInt8])
        command.append([1, 2, 3, 4][1...2] as ArraySlice<UInt8>)
        #expect(
            command.encoded == Array("*3\r\n$1\r\nX\r\n$4\r\n".utf8) + [0, 13, 10, 0xff] + Array("\r\n$2\r\n".utf8) + [
                2, 3,
            ]
                + Array("\r\n".utf8))
    }

    @Test("numbers are written in decimal", arguments: [0, 9, 10, -1, 123_456, .max, .min] as [Int64])
    func numbers(_ number: Int64) {
        var command = RedisCommand()
        command.append(number)
        let digits = String(number)
        #expect(command.encoded == Array("*1\r\n$\(digits.utf8.count)\r\n\(digits)\r\n".utf8))
    }

    @Test("ten arguments and more are counted right", arguments: [0, 9, 10, 11, 1000])
    func count(_ count: Int) {
        let command = RedisCommand(words: (0..<count).map { String(repeating: "x", count: $0) })
        #expect(command.encoded.starts(with: Array("*\(count)\r\n".utf8)))
        var size = "*\(count)\r\n".utf8.count
        for length in 0..<count { size += "$\(length)\r\n\r\n".utf8.count + length }
        #expect(command.encoded.count == size)
    }
}

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
