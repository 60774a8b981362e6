import Console
import Glibc

/// Standard input as a whole.
enum StandardInput {
    /// The bytes of an argument; of `-` all of standard input.
    static func bytes(of argument: String) throws -> [UInt8] {
        try argument == "-" ? read() : Array(argument.utf8)
    }

    /// All of it, whatever bytes it holds.
    ///
    /// - Throws: ``CommandError`` when it cannot be read or is larger than an item may be for Redis, 512 MiB.
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
