import Events
import JSON

/// `POST /v1/comments`: hands the body to the sink and answers with its verdict.
final class CommentPost: PendingResponse {
    private var connection: Connection?
    private let services: EdgeServices
    private let writer: CommentWriter

    init(on connection: Connection, services: EdgeServices, writer: CommentWriter) {
        self.connection = connection
        self.services = services
        self.writer = writer
    }

    var isHold: Bool { false }

    /// Starts to answer.
    ///
    /// - Throws: ``HTTPError``: 413 for too many comments in one request; 413 or 429 when the rate of the API key, or of
    ///   the client's address, does not allow them; 503 while too many bytes of other posts are pending.
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
        try checkPending(of: body.count)
        if writer.apiKey == nil {
            // A person has one limit wherever they are.
            try services.posts.admit(
                body, ndjson: ndjson, comments: count,
                of: writer.subject.map(Poster.subject) ?? connection.client.map(Poster.init),
                isForwarded: connection.isForwardedUntrusted)
        }
        try services.access.take(count, of: writer.apiKey)
        connection.begin(self)
        connection.hold(until: Clock.monotonicMilliseconds() + services.limits.postTimeout)
        services.metrics.postedBytes += body.count
        // Counted until the sink has answered, even if the client is gone: the sink keeps the body until then.
        sink.accept(body, ndjson: ndjson, from: writer) { verdict in
            self.services.metrics.postedBytes -= body.count
            self.answer(verdict)
        }
    }

    private func checkPending(of bytes: Int) throws(HTTPError) {
        let underWay = services.metrics.postedBytes
        guard underWay > 0, underWay + bytes > services.limits.postedBytes else { return }
        services.metrics.postsRefused += 1
        throw HTTPError(
            .serviceUnavailable, "Redis has not confirmed earlier comments yet; send these again later",
            retryAfter: 2, limit: .postedBytes)
    }

    func clientLeft() {
        connection = nil
    }

    func deadlinePassed() {
        refuse(
            HTTPError(
                .serviceUnavailable,
                "Redis has not confirmed the comments in time; they may have been stored: send them again "
                    + "with the same event_id", retryAfter: 1, limit: .postTimeout))
    }

    /// Whether the body is several JSON objects, one per line. In a single JSON object, no line after the first both
    /// begins and ends with a brace if the first one does.
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

    /// The number of lines that are not empty, which is the number of comments if all are valid.
    static func lines(of body: [UInt8]) -> Int {
        body.split(separator: 0x0A).count { line in !line.allSatisfy { $0 <= 0x20 } }
    }

    private func answer(_ verdict: CommentVerdict) {
        switch verdict {
        case .accepted(let ids):
            guard let connection = take() else { return }
            services.metrics.commentsPosted += ids.count
            services.access.accepted(ids.count, of: writer.apiKey)
            var body: [UInt8] = []
            body.append("{\"ids\":[")
            for (index, id) in ids.enumerated() {
                if index > 0 { body.append(0x2C) }
                JSON.string(id).write(into: &body)
            }
            body.append("]")
            if let key = writer.newKey {
                body.append(",\"edit_key\":")
                JSON.string(key.text).write(into: &body)
            }
            body.append("}\n")
            connection.respond(.accepted, type: "application/json", body: body)
        case .invalid(let reason): refuse(HTTPError(.badRequest, reason))
        case .forbidden(let reason):
            services.access.refused(.write)
            refuse(HTTPError(.forbidden, reason))
        case .conflict(let reason): refuse(HTTPError(.conflict, reason))
        case .tooLarge(let reason): refuse(HTTPError(.contentTooLarge, reason))
        case .unavailable(let reason, let retryAfter):
            refuse(HTTPError(.serviceUnavailable, reason, retryAfter: retryAfter))
        }
    }

    private func refuse(_ error: HTTPError) {
        take()?.refuse(error)
    }

    /// Returns the connection and drops it: the request is answered only once.
    private func take() -> Connection? {
        defer { connection = nil }
        return connection
    }
}

/// Takes the comments that are posted over HTTP.
public protocol CommentSink: AnyObject {
    /// Takes the body of one request: one JSON object, or one per line when `ndjson` is true. The events are attributed to
    /// their writer by ``CommentWriter/attribute(_:)``.
    ///
    /// Called on the loop's thread. Calls the completion exactly once, on the loop's thread, before or after it
    /// returns, even if the client has disconnected.
    func accept(
        _ body: [UInt8], ndjson: Bool, from writer: CommentWriter, completion: @escaping (CommentVerdict) -> Void)
}

/// The result of posting comments.
public enum CommentVerdict: Sendable {
    /// Redis has stored all of them: 202. The ids are in the order of the comments.
    case accepted(ids: [String])
    /// None was accepted: 400. The reason says what to correct.
    case invalid(reason: String)
    /// None was accepted, since this writer may not send one of them: 403.
    case forbidden(reason: String)
    /// None was accepted, since a conversation does not take comments now: 409.
    case conflict(reason: String)
    /// None was accepted: 413.
    case tooLarge(reason: String)
    /// None was accepted, try again later: 503. `retryAfter` is in seconds.
    case unavailable(reason: String, retryAfter: Int)
}
