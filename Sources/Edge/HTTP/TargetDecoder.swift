/// Undoes percent-encoding and takes queries apart (RFC 3986). Pure.
enum TargetDecoder {
    /// Decodes percent-encoded UTF-8.
    ///
    /// - Parameter plusIsSpace: what forms do in a query, and nobody in a path.
    /// - Returns: nil when an escape is broken or the bytes are no UTF-8.
    static func decode(_ bytes: Span<UInt8>, plusIsSpace: Bool) -> String? {
        var plain = true
        for index in 0..<bytes.count where bytes[index] == 0x25 || bytes[index] == 0x2B { plain = false }
        if plain { return bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) } }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 0x25:
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexadecimalValue,
                    let low = bytes[index + 2].hexadecimalValue
                else { return nil }
                decoded.append(high << 4 | low)
                index += 2
            case 0x2B where plusIsSpace: decoded.append(0x20)
            case let byte: decoded.append(byte)
            }
            index += 1
        }
        return String(validating: decoded, as: UTF8.self)
    }

    /// Decodes a parameter's value.
    ///
    /// - Throws: ``HTTPError`` (400) for a broken escape.
    static func value(_ bytes: Span<UInt8>) throws(HTTPError) -> String {
        guard let decoded = decode(bytes, plusIsSpace: true) else {
            throw HTTPError(.badRequest, "the query holds a broken percent-escape, or is no UTF-8")
        }
        return decoded
    }

    /// Calls back with the name and the value of each parameter of a query, in their order, as they stand there.
    ///
    /// - Throws: what the body throws. Nothing is decoded: the body has ``value(_:)`` look at what it does not know.
    static func forEachParameter(
        _ query: Span<UInt8>, _ body: (Span<UInt8>, Span<UInt8>) throws(HTTPError) -> Void
    ) throws(HTTPError) {
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: 0x26, from: start) ?? query.count
            if end > start {
                let equals = min(query.firstIndex(of: 0x3D, from: start) ?? end, end)
                try body(query.extracting(start..<equals), query.extracting(min(equals + 1, end)..<end))
            }
            start = end + 1
        }
    }
}
