/// Why Redis did not do what it was asked.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure this is: decides whether, and how, to try again.
    public enum Code: Sendable {
        /// There is no connection now, or it broke before the reply came: the command may or may not have run.
        case disconnected
        /// No reply within the deadline: as `disconnected`.
        case timeout
        /// The address cannot be used.
        case address
        /// `OOM`: memory is full and the command may need more.
        case outOfMemory
        /// `LOADING`: the server reads its data from disk.
        case loading
        /// `READONLY`, `MASTERDOWN`: this is a replica.
        case readOnly
        /// `BUSY`: a script runs too long.
        case busy
        /// `NOAUTH`, `WRONGPASS`, `NOPERM`: the user may not log in, or may not do this, itself or within a function.
        case denied
        /// The function library is not loaded.
        case functionMissing
        /// `WRONGTYPE`: a key holds something else than it should.
        case wrongType
        /// `MISCONF`, `NOREPLICAS`: the server cannot keep what is written safe, on disk or on replicas, and refuses it.
        case misconfigured
        /// Any other error reply.
        case reply
    }

    public let code: Code
    /// The server's or the system's words, with what to do where that is known.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Classifies an error reply by its first word.
    /// Source: Redis, `redisFormatErrorReply` and the documentation of error prefixes.
    public init(reply: String) {
        let word = reply.prefix { $0 != " " }
        let code: Code =
            switch word {
            case "OOM": .outOfMemory
            case "LOADING": .loading
            case "READONLY", "MASTERDOWN": .readOnly
            case "BUSY": .busy
            case "NOAUTH", "WRONGPASS", "NOPERM": .denied
            case "WRONGTYPE": .wrongType
            case "MISCONF", "NOREPLICAS": .misconfigured
            case "ERR" where reply.hasPrefix("ERR Function not found"): .functionMissing
            case "ERR" where reply.hasPrefix("ERR The user executing the script can't"): .denied
            default: .reply
            }
        self.init(code, reply)
    }

    public var description: String { message }

    /// Whether time alone may cure it.
    public var isTransient: Bool {
        switch code {
        case .disconnected, .timeout, .loading, .readOnly, .busy, .outOfMemory, .functionMissing, .denied,
            .misconfigured:
            true
        case .address, .wrongType, .reply: false
        }
    }
}
