import Events
import JSON

/// `POST /v1/comments`: hands the body to the sink and answers with its verdict.
final class CommentPost: PendingResponse {
    private var connection: Connection?
    private let services: EdgeServices

    private let apiKey: Int?

    /// - Parameter apiKey: what the request came with.
    init(on connection: Connection, services: EdgeServices, apiKey: Int?) {
        self.connection = connection
        self.services = services
        self.apiKey = apiKey
    }

    var isHold: Bool { false }

    /// Begins to answer.
    ///
    /// - Throws: ``HTTPError``: 413 for more than may come at once, 413 or 429 for more than the API key may post, 503 while too
    ///   much of others is under way.
    func start(_ body: [UInt8], kind: Request.BodyKind, sink: any CommentSink) throws(HTTPError) {
        guard let connection else { return }
        let ndjson = kind == .ndjson || Self.isManyLines(body)
        let count = ndjson ? Self.lines(of: body) : 1
        let most = services.limits.commentsPerPost
        guard count <= most else {
            services.metrics.commentsRefused += count
            throw HTTPError(
                .contentTooLarge, "more than \(most) comments at once; send fewer in one request",
                limit: .commentsPerPost)
        }
        try refuseFlood(of: body.count)
        try services.access.take(count, of: apiKey)
        connection.begin(self)
        connection.hold(until: Clock.monotonicMilliseconds() + services.limits.acceptTimeout)
        services.metrics.postedBytes += body.count
        // Until the sink is through with them, also when nobody waits any more: they are held for so long.
        sink.accept(body, ndjson: ndjson) { verdict in
            self.services.metrics.postedBytes -= body.count
            self.answer(verdict)
        }
    }

    private func refuseFlood(of bytes: Int) throws(HTTPError) {
        let underWay = services.metrics.postedBytes
        guard underWay > 0, underWay + bytes > services.limits.postedBytes else { return }
        services.metrics.postsRefused += 1
        throw HTTPError(
            .serviceUnavailable, "Redis has not confirmed the comments that came before; send them again later",
            retryAfter: 2, limit: .postedBytes)
    }

    func clientLeft() {
        connection = nil
    }

    func deadlinePassed() {
        refuse(
            HTTPError(
                .serviceUnavailable,
                "Redis has not confirmed the comments in time; they may be there: send them again "
                    + "with the same event_id", retryAfter: 1, limit: .postTimeout))
    }

    /// Whether the body is several objects, one a line. No single JSON object has a second line of its own that begins and
    /// ends with a brace after a first one that does.
    static func isManyLines(_ body: [UInt8]) -> Bool {
        var lines = 0
        for line in body.split(separator: 0x0A) {
            let text = line.span.extracting(line.span.trimmed())
            let end = text.count > 0 && text[text.count - 1] == 0x0D ? text.count - 1 : text.count
            guard end > 0 else { continue }
            guard text[0] == 0x7B, text[end - 1] == 0x7D else { return false }
            lines += 1
        }
        return lines > 1
    }

    /// How many lines hold something: as many comments, when all are good.
    static func lines(of body: [UInt8]) -> Int {
        body.split(separator: 0x0A).count { line in !line.allSatisfy { $0 <= 0x20 } }
    }

    private func answer(_ verdict: CommentVerdict) {
        switch verdict {
        case .accepted(let ids):
            guard let connection = take() else { return }
            services.metrics.commentsPosted += ids.count
            services.access.accepted(ids.count, of: apiKey)
            var body: [UInt8] = []
            body.append("{\"ids\":[")
            for (index, id) in ids.enumerated() {
                if index > 0 { body.append(0x2C) }
                JSON.string(id).write(into: &body)
            }
            body.append("]}\n")
            connection.respond(.accepted, type: "application/json", body: body)
        case .invalid(let reason): refuse(HTTPError(.badRequest, reason))
        case .tooLarge(let reason): refuse(HTTPError(.contentTooLarge, reason))
        case .unavailable(let reason, let retryAfter):
            refuse(HTTPError(.serviceUnavailable, reason, retryAfter: retryAfter))
        }
    }

    private func refuse(_ error: HTTPError) {
        take()?.refuse(error)
    }

    /// The connection, once: what comes later finds nobody to answer.
    private func take() -> Connection? {
        defer { connection = nil }
        return connection
    }
}

/// Takes the comments that come in over HTTP.
public protocol CommentSink: AnyObject {
    /// Takes one request's body: one JSON object, or one a line when `ndjson` is true.
    ///
    /// Called on the loop's thread. Calls back exactly once, on the loop's thread, at once or later; a client that has
    /// left meanwhile is no concern of the sink.
    func accept(_ body: [UInt8], ndjson: Bool, completion: @escaping (CommentVerdict) -> Void)
}

/// What became of posted comments.
public enum CommentVerdict: Sendable {
    /// Redis has them all: 202. The ids stand in the order of the comments.
    case accepted(ids: [String])
    /// None was taken: 400. The reason says what to correct.
    case invalid(reason: String)
    /// None was taken: 413.
    case tooLarge(reason: String)
    /// None was taken now: 503. `retryAfter` is in seconds.
    case unavailable(reason: String, retryAfter: Int)
}
