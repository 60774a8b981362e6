internal import Events
internal import Redis

/// Why a verb of ``ThoonkClient`` or of its feeds has failed, or may have failed.
///
/// A task that is cancelled while it waits gets a `CancellationError` instead.
public struct ThoonkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, which decides whether and how to try again.
    public enum Code: Sendable {
        /// Redis could not be reached within the client's `connectTimeout`. Nothing was done; try again later.
        case unreachable
        /// The command was sent and its reply lost: it may have been done. A put can be repeated with the same id; it
        /// doubles nothing while its item is still there.
        case uncertain
        /// The client was closed.
        case closed
        /// The feed is of another type, or one of its keys holds a foreign type. Nothing was done.
        case wrongType
        /// There is no such feed.
        case noFeed
        /// There is no such item to edit or move, or no such neighbour.
        case noItem
        /// An id was given for the feed of a pipeline's channel, whose ids are sequence numbers. Publish without one.
        case sequenced
        /// Redis has no memory left. Verbs that take and finish still work.
        case memoryFull
        /// An argument cannot be used; the message says which.
        case invalid
        /// Redis refused for another reason, such as a user without the permission or a read-only replica.
        case refused
    }

    public let code: Code
    /// What failed, and what to do about it.
    public let message: String
    /// The original words of Redis or of the system, if there are any.
    public let underlying: String?

    public init(_ code: Code, _ message: String, underlying: String? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String { message }

    /// The meaning of an error of Redis for a verb that was sent.
    init(_ error: RedisError) {
        // An error of our own library begins with a code of ours; Redis appends the place in the script.
        let words = error.message.split(separator: " ", maxSplits: 1)
        let rest = words.count > 1 ? String(words[1]) : error.message
        switch (words.first, error.code) {
        case ("FEEDTYPE", _): self.init(.wrongType, rest, underlying: error.message)
        case ("NOFEED", _): self.init(.noFeed, rest, underlying: error.message)
        case ("NOITEM", _): self.init(.noItem, rest, underlying: error.message)
        case ("SEQUENCED", _): self.init(.sequenced, rest, underlying: error.message)
        case ("BADARG", _): self.init(.invalid, rest, underlying: error.message)
        case (_, .wrongType):
            self.init(
                .wrongType, "a key of the feed holds something else; delete it or use another name: \(rest)",
                underlying: error.message)
        case (_, .outOfMemory):
            self.init(
                .memoryFull, "Redis has no memory left; raise maxmemory, or finish what waits",
                underlying: error.message)
        case (_, .disconnected), (_, .timeout):
            self.init(
                .uncertain, "the reply was lost, the command may have been done: \(error.message)",
                underlying: error.message)
        case (_, .address): self.init(.invalid, error.message, underlying: error.message)
        default: self.init(.refused, "Redis refused: \(error.message)", underlying: error.message)
        }
    }

    init(_ error: EventsError) {
        self.init(.refused, error.message, underlying: error.description)
    }

    static let isClosed = ThoonkError(.closed, "the client was closed; make a new one")
}
