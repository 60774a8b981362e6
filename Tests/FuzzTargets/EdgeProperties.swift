@testable import Edge

/// However a request's head is split, the result is the same; an accepted head lies within the bytes and the limits.
///
/// The first byte determines the pieces.
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
            head.origin, head.fetchSite, head.authorization, head.apiKey,
        ]
        guard ranges.allSatisfy({ $0.upperBound <= head.length }) else { return "a range leaves the head" }
        guard !bytes[..<head.length].contains(0) else { return "a NUL was accepted" }
        // The rest belongs to the next request.
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

/// However a chunked body is split, body and verdict are the same.
///
/// The first byte determines the pieces.
enum ChunkedProperty {
    private static let limit = 4096

    static func violation(_ input: [UInt8]) -> String? {
        guard let first = input.first else { return nil }
        let bytes = Array(input.dropFirst())
        let whole = decode(bytes, step: max(1, bytes.count))
        let pieces = decode(bytes, step: max(1, Int(first)))
        guard whole.verdict == pieces.verdict else { return "pieces give another verdict" }
        guard whole.body.count <= limit else { return "the body is larger than its limit" }
        if whole.verdict.hasPrefix("complete"), whole.body != pieces.body { return "pieces give another body" }
        return nil
    }

    private static func decode(_ bytes: [UInt8], step: Int) -> (verdict: String, body: [UInt8]) {
        var decoder = ChunkedDecoder(limit: limit)
        var body: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + step)
            let piece = Array(bytes[start..<end])
            switch decoder.decode(piece.span, into: &body) {
            case .needsMore: start = end
            case .complete(let consumed):
                return consumed <= piece.count ? ("complete at \(start + consumed)", body) : ("beyond the piece", body)
            case .refused(let error): return ("refused \(error.status)", body)
            }
        }
        return ("more", body)
    }
}

/// A decoded target has no broken escape, and plain text is unchanged.
enum TargetProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        for plusIsSpace in [true, false] {
            let decoded = TargetDecoder.decode(bytes.span, plusIsSpace: plusIsSpace)
            guard let decoded else { continue }
            guard decoded.utf8.count <= bytes.count else { return "the decoded text is longer" }
            if !bytes.contains(0x25), !plusIsSpace || !bytes.contains(0x2B), Array(decoded.utf8) != bytes {
                return "plain text was changed"
            }
        }
        var count = 0
        do throws(HTTPError) {
            try TargetDecoder.forEachParameter(bytes.span) { _, _ throws(HTTPError) in count += 1 }
        } catch {
            if error.status != .badRequest { return "a broken query is answered with \(error.status)" }
        }
        return count > bytes.count ? "more parameters than bytes" : nil
    }
}

/// An accepted offset or id is written back identically: there is only one spelling.
enum OffsetProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        if case .position(let position)? = Offset(text) {
            guard position.text == text else { return "another spelling of \(position.text)" }
            let length = position.epoch < 10_000_000_000 ? 41 : Position.length
            guard text.utf8.count == length else { return "an offset of \(text.utf8.count) bytes" }
        }
        let channels = ["thread:42", "forum:music", "post:7"]
        for count in 1...3 {
            let check = StreamEventID.check(of: channels.prefix(count))
            // The bytes as they are, and after a valid beginning.
            for id in [text, "1." + String(check, radix: 36) + "." + text] {
                guard let places = StreamEventID.parse(id, check: check, count: count) else { continue }
                guard places.count == count else { return "\(places.count) places for \(count) channels" }
                var written: [UInt8] = []
                StreamEventID.write(places, check: check, into: &written)
                guard written.elementsEqual(id.utf8) else { return "another spelling of an id" }
                for place in places where Offset(place.text) != .position(place) { return "a place is no offset" }
            }
        }
        return nil
    }
}

/// A PROXY header ends within the bytes, does not depend on what follows, and is incomplete when cut.
enum ProxyProperty {
    private static let trust = ProxyTrust(ranges: ["10.0.0.0/8", "2001:db8::/32"].compactMap(AddressRange.init))

    static func violation(_ bytes: [UInt8]) -> String? {
        let progress = ProxyHeader.parse(bytes)
        if case .complete(let length, _) = progress {
            guard (8...bytes.count).contains(length) else { return "a header of \(length) bytes" }
            guard ProxyHeader.parse(Array(bytes[..<length])) == progress else { return "what follows matters" }
            for end in 0..<length where ProxyHeader.parse(Array(bytes[..<end])) != .needsMore {
                return "cut at \(end) it is something else"
            }
        }
        // A proxy is never taken for the client when another address follows the last comma.
        if let client = trust.client(forwardedFor: bytes.span), trust.isProxy(client) {
            let last = String(decoding: bytes.split(separator: 0x2C).last ?? [], as: UTF8.self)
            if let address = ClientAddress(last), !trust.isProxy(address), !bytes.hasSuffix(0x2C) {
                return "a proxy was taken for the client"
            }
        }
        return nil
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ byte: UInt8) -> Bool { last == byte }
}
