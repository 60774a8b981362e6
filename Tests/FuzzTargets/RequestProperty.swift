@testable import Edge

/// Where a request's head is cut into pieces changes nothing; what is accepted lies within the bytes and the limits.
///
/// The first byte says where it is cut.
enum RequestProperty {
    static func violation(_ input: [UInt8]) -> String? {
        guard let first = input.first else { return nil }
        let bytes = Array(input.dropFirst())
        let whole = parse(bytes, ends: [])
        let step = max(1, Int(first))
        if parse(bytes, ends: Array(stride(from: 0, to: bytes.count, by: step))) != whole {
            return "pieces of \(step) bytes give something else"
        }
        guard case .complete(let head) = whole else { return nil }
        let limits = EdgeLimits()
        guard head.length <= bytes.count, head.length <= limits.headerBytes else { return "the head is too long" }
        let ranges = [
            head.path, head.query, head.contentType, head.ifNoneMatch, head.acceptEncoding, head.lastEventID, head.host,
            head.origin, head.authorization, head.apiKey,
        ]
        guard ranges.allSatisfy({ $0.upperBound <= head.length }) else { return "a range leaves the head" }
        guard !bytes[..<head.length].contains(0) else { return "a NUL was accepted" }
        // What follows belongs to the next request.
        guard parse(Array(bytes[..<head.length]), ends: []) == whole else { return "bytes behind the head matter" }
        if head.framing == .chunked, bytes[..<head.length].lowercasedText.contains("\r\ncontent-length:") {
            return "two framings were accepted"
        }
        return nil
    }

    private static func parse(_ bytes: [UInt8], ends: [Int]) -> RequestParser.Progress {
        var parser = RequestParser(limits: EdgeLimits())
        for end in ends + [bytes.count] {
            let progress = parser.parse(bytes.span.extracting(0..<end))
            if progress != .needsMore { return progress }
        }
        return .needsMore
    }
}

extension ArraySlice<UInt8> {
    fileprivate var lowercasedText: String { String(decoding: self, as: UTF8.self).lowercased() }
}
