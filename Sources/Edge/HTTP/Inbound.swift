/// Input of a connection that is not used up: part of a request, or requests that wait for their turn.
///
/// Only connections with such input have one.
final class Inbound {
    private(set) var bytes: [UInt8] = []
    /// Where in `bytes` begins what is not used up.
    private(set) var start = 0
    /// Reads the head that begins there.
    var parser: RequestParser
    /// The request whose body is being read.
    var request: Request?
    private var body: [UInt8] = []
    /// Bytes that are missing of a body with a length.
    var missing = 0
    /// Set for a chunked body.
    var decoder: ChunkedDecoder?
    private let budget: MemoryBudget
    /// What the ledger has of it.
    private(set) var charged = 0

    init(limits: EdgeLimits, budget: MemoryBudget) {
        parser = RequestParser(limits: limits)
        self.budget = budget
    }

    deinit {
        budget.addInput(-charged)
    }

    /// Whether nothing is left and nothing is under way.
    var isEmpty: Bool { unread == 0 && request == nil }

    /// How many bytes are not used up.
    var unread: Int { bytes.count - start }

    /// Appends input. What is used up is let go of only here, and not for each request.
    func append(_ input: ArraySlice<UInt8>) {
        if start > 0 { bytes.removeFirst(start) }
        start = 0
        bytes.append(contentsOf: input)
        charge()
    }

    /// Bytes are used up.
    func skip(_ count: Int) {
        start += count
        if start == bytes.count { clear() }
    }

    /// The body that is complete; its request is done with.
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

    /// Tells the ledger what is held now.
    private func charge() {
        let now = bytes.count + body.count
        budget.addInput(now - charged)
        charged = now
    }

    /// What is known of a body after some input.
    enum BodyProgress {
        case needsMore
        case complete
        case refused(HTTPError)
    }

    /// Moves input into the body.
    func readBody() -> BodyProgress {
        defer { charge() }
        if var decoder {
            // Taken out and put back, so that the decoder can write into the body beside it.
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
