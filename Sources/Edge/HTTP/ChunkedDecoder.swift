/// Decodes a chunked body (RFC 9112, 7.1) incrementally. Pure.
///
/// Strict: a size has one to eight hexadecimal digits, and lines end with CR LF. Chunk extensions and trailer fields
/// are skipped; together they may have 4 KiB.
struct ChunkedDecoder {
    /// The state after some bytes.
    enum Progress: Equatable {
        case needsMore
        /// The body ended after this many bytes of the input.
        case complete(consumed: Int)
        case refused(HTTPError)
    }

    private enum State {
        case size(digits: Int)
        case extensions
        case sizeEnd
        case data
        case dataEnd
        case dataEndLF
        case trailer(empty: Bool)
        case trailerEnd(last: Bool)
    }

    private var state = State.size(digits: 0)
    private var remaining = 0
    private var overhead = 0
    private let limit: Int

    /// - Parameter limit: the largest decoded body in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    /// Decodes a piece of the input and appends its data to the body.
    mutating func decode(_ bytes: Span<UInt8>, into body: inout [UInt8]) -> Progress {
        var index = 0
        while index < bytes.count {
            if case .data = state {
                let count = min(remaining, bytes.count - index)
                bytes.extracting(index..<(index + count)).withUnsafeBufferPointer { body.append(contentsOf: $0) }
                remaining -= count
                index += count
                if remaining == 0 { state = .dataEnd }
                continue
            }
            if let error = step(bytes[index], bodyCount: body.count) { return .refused(error) }
            index += 1
            if case .trailerEnd(last: true) = state, bytes[index - 1] == 0x0A { return .complete(consumed: index) }
        }
        return .needsMore
    }

    private static let malformed = HTTPError(.badRequest, "the chunked body is malformed")

    /// Consumes one byte of the framing.
    private mutating func step(_ byte: UInt8, bodyCount: Int) -> HTTPError? {
        switch state {
        case .size(let digits):
            if let value = byte.hexadecimalValue {
                guard digits < 8 else { return Self.malformed }
                remaining = remaining << 4 | Int(value)
                state = .size(digits: digits + 1)
                return nil
            }
            guard digits > 0 else { return Self.malformed }
            if bodyCount + remaining > limit {
                return HTTPError(.contentTooLarge, "the body is larger than \(limit) bytes; send it in parts")
            }
            switch byte {
            case 0x0D: state = .sizeEnd
            case 0x3B: state = .extensions
            default: return Self.malformed
            }
        case .extensions:
            if byte == 0x0D {
                state = .sizeEnd
                return nil
            }
            return extra(byte)
        case .sizeEnd:
            guard byte == 0x0A else { return Self.malformed }
            state = remaining == 0 ? .trailer(empty: true) : .data
        case .data:
            return Self.malformed
        case .dataEnd:
            guard byte == 0x0D else { return Self.malformed }
            state = .dataEndLF
        case .dataEndLF:
            guard byte == 0x0A else { return Self.malformed }
            state = .size(digits: 0)
            remaining = 0
        case .trailer(let empty):
            if byte == 0x0D {
                state = .trailerEnd(last: empty)
                return nil
            }
            state = .trailer(empty: false)
            return extra(byte)
        case .trailerEnd(let last):
            guard byte == 0x0A else { return Self.malformed }
            if !last { state = .trailer(empty: true) }
        }
        return nil
    }

    /// Checks and counts a byte of an extension or a trailer field, which is not kept.
    private mutating func extra(_ byte: UInt8) -> HTTPError? {
        overhead += 1
        guard overhead <= 4096, byte >= 0x20 || byte == 0x09, byte != 0x7F else { return Self.malformed }
        return nil
    }
}
