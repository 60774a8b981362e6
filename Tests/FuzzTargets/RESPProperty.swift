import CHiredis

@testable import Redis

/// A reply of whatever bytes is read, refused or waited for; where it is cut changes nothing.
///
/// The first byte says where it is cut.
enum RESPProperty {
    static func violation(_ input: [UInt8]) -> String? {
        guard let first = input.first else { return nil }
        let bytes = Array(input.dropFirst())
        let whole = replies(bytes, step: max(1, bytes.count))
        let pieces = replies(bytes, step: max(1, Int(first)))
        return whole == pieces ? nil : "pieces give \(pieces), the whole \(whole)"
    }

    private static func replies(_ bytes: [UInt8], step: Int) -> [String] {
        guard let reader = redisReaderCreate() else { return ["no memory"] }
        defer { redisReaderFree(reader) }
        var result: [String] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + step)
            let fed = bytes[start..<end].withUnsafeBytes { redisReaderFeed(reader, $0.baseAddress, $0.count) }
            guard fed == REDIS_OK else { return result + ["refused"] }
            start = end
            while true {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else { return result + ["refused"] }
                guard let reply else { break }
                let value = HiredisHandle.value(of: reply.assumingMemoryBound(to: redisReply.self))
                result.append("\(value)")
                freeReplyObject(reply)
            }
        }
        return result
    }
}
