internal import Events
internal import Redis

/// Why a verb of ``ThoonkClient`` and its feeds was not done, or may not have been.
///
/// A task that is cancelled while it waits gets a `CancellationError` instead.
public struct ThoonkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure this is: decides whether, and how, to try again.
    public enum Code: Sendable {
        /// Redis could not be reached within the client's `connectTimeout`. Nothing was done; try again later.
        case unreachable
        /// The command was sent and its reply lost: it was done or it was not. A put that is repeated with the same id
        /// doubles nothing while its item is still there.
        case uncertain
        /// The client was closed.
        case closed
        /// The feed is of another type, or one of its keys holds what does not belong there. Nothing was done.
        case wrongType
        /// There is no such feed.
        case noFeed
        /// There is no such item, to edit, to move, or to stand beside.
        case noItem
        /// An id was given for the feed of a pipeline's channel, whose ids are sequence numbers. Publish without one.
        case sequenced
        /// Redis has no memory left. What takes and finishes still works.
        case memoryFull
        /// An argument cannot be used: the message says which.
        case invalid
        /// Redis refused for another reason, in its words: a user without the right, a read-only replica.
        case refused
    }

    public let code: Code
    /// What failed, and what to do about it.
    public let message: String
    /// The server's or the system's own words, where there are any.
    public let underlying: String?

    public init(_ code: Code, _ message: String, underlying: String? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String { message }

    /// What an error of Redis means for a verb that was sent.
    init(_ error: RedisError) {
        // An error of our own library begins with a word of ours, and Redis puts the place behind it.
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
