import Glibc
import JSON
import Pipeline

extension Event {
    /// The event on one line, without the line's end. What a stranger has put into a queue may be spread over several.
    var line: [UInt8] {
        let bytes = bytes
        let isSpread = bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return false }
            return memchr(start, 10, buffer.count) != nil || memchr(start, 13, buffer.count) != nil
        }
        return isSpread ? fields.bytes : bytes
    }
}
