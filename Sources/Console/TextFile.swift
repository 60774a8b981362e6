import Glibc

/// Small files that are read whole, such as keys.
package enum SmallFile {
    /// The text of a file.
    ///
    /// - Throws: ``CommandError`` that names the path, when the file cannot be read, is larger than `maxBytes` or is
    ///   not UTF-8.
    package static func read(_ path: String, maxBytes: Int) throws(CommandError) -> String {
        guard let file = fopen(path, "r") else {
            throw CommandError("\(path) cannot be read: \(String(cString: strerror(errno)))", exitCode: 2)
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: maxBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        // A folder can be opened.
        guard ferror(file) == 0 else { throw CommandError("\(path) cannot be read", exitCode: 2) }
        guard count <= maxBytes else { throw CommandError("\(path) is larger than \(maxBytes) bytes", exitCode: 2) }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw CommandError("\(path) is no UTF-8 text", exitCode: 2)
        }
        return text
    }
}
