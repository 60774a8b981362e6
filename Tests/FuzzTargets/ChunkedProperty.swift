@testable import Edge

/// Where a chunked body is cut into pieces changes neither the body nor the verdict.
///
/// The first byte says where it is cut.
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
