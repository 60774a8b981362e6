/// Buffered input of a connection: an incomplete request, or pipelined requests that wait for their turn.
///
/// A connection without such input has none.
final class Inbound {
    private(set) var bytes: [UInt8] = []
    /// The index in `bytes` of the first unconsumed byte.
    private(set) var start = 0
    /// Parses the head that begins at `start`.
    var parser: RequestParser
    /// The request whose body is being read.
    var request: Request?
    private var body: [UInt8] = []
    /// How many bytes of a body with a length are missing.
    var missing = 0
    /// Decodes a chunked body; nil for a body with a length.
    var decoder: ChunkedDecoder?
    private let budget: MemoryBudget
    /// How many bytes are charged to the budget.
    private(set) var charged = 0

    init(limits: EdgeLimits, budget: MemoryBudget) {
        parser = RequestParser(limits: limits)
        self.budget = budget
    }

    deinit {
        budget.addInput(-charged)
    }

    /// Whether all input is consumed and no body is being read.
    var isEmpty: Bool { unread == 0 && request == nil }

    /// How many bytes are unconsumed.
    var unread: Int { bytes.count - start }

    /// Appends input. Consumed bytes are removed only here, not for each request.
    func append(_ input: ArraySlice<UInt8>) {
        if start > 0 { bytes.removeFirst(start) }
        start = 0
        bytes.append(contentsOf: input)
        charge()
    }

    /// Consumes bytes.
    func skip(_ count: Int) {
        start += count
        if start == bytes.count { clear() }
    }

    /// Returns the complete body and forgets its request.
    func takeBody() -> [UInt8] {
        defer {
            request = nil
            body = []
            decoder = nil
            charge()
        }
        return body
    }

    private func clear() {
        bytes = []
        start = 0
        charge()
    }

    /// Updates the bytes charged to the budget.
    private func charge() {
        let now = bytes.count + body.count
        budget.addInput(now - charged)
        charged = now
    }

    /// The state of a body after some input.
    enum BodyProgress {
        case needsMore
        case complete
        case refused(HTTPError)
    }

    /// Moves input into the body.
    func readBody() -> BodyProgress {
        defer { charge() }
        if var decoder {
            // Copies, since the decoder must not be part of self while it writes into the body.
            let input = bytes
            let progress = decoder.decode(input.span.extracting(start..<input.count), into: &body)
            self.decoder = decoder
            switch progress {
            case .needsMore:
                clear()
                return .needsMore
            case .complete(let consumed):
                skip(consumed)
                return .complete
            case .refused(let error):
                return .refused(error)
            }
        }
        let count = min(missing, unread)
        if start == 0, count == bytes.count, body.isEmpty {
            swap(&body, &bytes)
        } else {
            body.append(contentsOf: bytes[start..<start + count])
            skip(count)
        }
        missing -= count
        return missing == 0 ? .complete : .needsMore
    }
}
