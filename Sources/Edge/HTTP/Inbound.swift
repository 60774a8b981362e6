/// Input of a connection that is not used up: part of a request, or requests that wait for their turn.
///
/// Only connections with such input have one.
final class Inbound {
    var bytes: [UInt8] = []
    /// Reads the head that begins at the first byte.
    var parser: RequestParser
    /// The request whose body is being read.
    var request: Request?
    var body: [UInt8] = []
    /// Bytes that are missing of a body with a length.
    var missing = 0
    /// Set for a chunked body.
    var decoder: ChunkedDecoder?

    init(limits: EdgeLimits) {
        parser = RequestParser(limits: limits)
    }

    /// Whether nothing is left and nothing is under way.
    var isEmpty: Bool { bytes.isEmpty && request == nil }

    /// What is known of a body after some input.
    enum BodyProgress {
        case needsMore
        case complete
        case refused(Refusal)
    }

    /// Moves input into the body.
    func readBody() -> BodyProgress {
        if var decoder {
            // Taken out and put back, so that the decoder can write into the body beside it.
            let input = bytes
            let progress = decoder.decode(input.span, into: &body)
            self.decoder = decoder
            switch progress {
            case .needsMore:
                bytes.removeAll()
                return .needsMore
            case .complete(let consumed):
                bytes.removeFirst(consumed)
                return .complete
            case .refused(let refusal):
                return .refused(refusal)
            }
        }
        let count = min(missing, bytes.count)
        if count == bytes.count, body.isEmpty {
            swap(&body, &bytes)
        } else {
            body.append(contentsOf: bytes.prefix(count))
            bytes.removeFirst(count)
        }
        missing -= count
        return missing == 0 ? .complete : .needsMore
    }
}
