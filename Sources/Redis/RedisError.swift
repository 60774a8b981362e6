/// Why a command failed.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, which decides whether and how to retry.
    public enum Code: Sendable {
        /// There is no connection, or it broke before the reply arrived: the command may have run.
        case disconnected
        /// There was no reply within the timeout: the command may have run.
        case timeout
        /// The address is invalid.
        case address
        /// `OOM`: memory is full and the command may need more.
        case outOfMemory
        /// `LOADING`: the server is loading its data from disk.
        case loading
        /// `READONLY`, `MASTERDOWN`: this is a replica.
        case readOnly
        /// `BUSY`: a script has been running for too long.
        case busy
        /// `NOAUTH`, `WRONGPASS`, `NOPERM`: the user may not log in, or may not run this command, directly or in a
        /// function.
        case denied
        /// The function library is not loaded.
        case functionMissing
        /// `WRONGTYPE`: a key holds a value of another type.
        case wrongType
        /// `MISCONF`, `NOREPLICAS`: the server refuses writes, since it cannot persist or replicate them.
        case misconfigured
        /// `RESHAPED`, `UNSURE`: a function of ours was called with a shape of the pipeline that is not the stored one, or
        /// needs an epoch that may not belong to the data. The process has to greet the pipeline again.
        case outdated
        /// Any other error reply.
        case reply
    }

    public let code: Code
    /// The message of the server or the system, with what to do where that is known.
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
            case "RESHAPED", "UNSURE": .outdated
            case "ERR" where reply.hasPrefix("ERR Function not found"): .functionMissing
            case "ERR" where reply.hasPrefix("ERR The user executing the script can't"): .denied
            default: .reply
            }
        self.init(code, reply)
    }

    public var description: String { message }

    /// Whether the connection failed, not the command: there was no reply, and the command may have run.
    public var isUnanswered: Bool { code == .disconnected || code == .timeout }

    /// Whether the same command may succeed later.
    public var isTransient: Bool {
        switch code {
        case .disconnected, .timeout, .loading, .readOnly, .busy, .outOfMemory, .functionMissing, .denied,
            .misconfigured:
            true
        case .address, .wrongType, .outdated, .reply: false
        }
    }
}
