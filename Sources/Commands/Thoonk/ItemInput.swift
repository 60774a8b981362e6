import ArgumentParser
import Console
import Glibc

/// The items of a command: its arguments, or the lines of standard input.
struct ItemInput: ParsableArguments, Sendable {
    @Argument(help: "Items. None, or - alone: each line of standard input is an item, unchanged.")
    var items: [String] = []

    private static let batchItems = 500
    private static let batchBytes = 1 << 20

    /// Sends all items in their order, in batches. Lines that a pipe has delivered are sent before waiting for more.
    func batches(_ send: ([[UInt8]]) async throws -> Void) async throws {
        let reader = try items.isEmpty || items == ["-"] ? LineReader(path: "-") : nil
        var rest = items[...]
        func next() throws -> [UInt8]? {
            guard let reader else { return rest.popFirst().map { Array($0.utf8) } }
            return try reader.next()
        }
        var batch: [[UInt8]] = []
        var bytes = 0
        while let item = try next() {
            batch.append(item)
            bytes += item.count
            let waits = reader.map { !$0.hasBufferedLine } ?? false
            if waits || batch.count >= ItemInput.batchItems || bytes >= ItemInput.batchBytes {
                try await send(batch)
                batch = []
                bytes = 0
            }
        }
        if !batch.isEmpty { try await send(batch) }
    }
}

/// Standard input, read as a whole.
enum StandardInput {
    /// The bytes of an argument; for `-`, all of standard input.
    static func bytes(of argument: String) throws -> [UInt8] {
        try argument == "-" ? read() : Array(argument.utf8)
    }

    /// All bytes of standard input.
    ///
    /// - Throws: ``CommandError`` when it cannot be read or exceeds 512 MiB, the limit of Redis for a value.
    static func read() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
            if count == 0 { return bytes }
            guard count > 0 || errno == EINTR else {
                throw CommandError("cannot read standard input: \(String(cString: strerror(errno)))")
            }
            bytes.append(contentsOf: chunk[..<max(0, count)])
            guard bytes.count <= 512 << 20 else { throw CommandError("standard input is larger than 512 MiB") }
        }
    }
}
