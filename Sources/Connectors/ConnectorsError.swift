import Glibc

/// Why a connector cannot be created or cannot work.
public struct ConnectorsError: Error, CustomStringConvertible, Sendable {
    public enum Code: Sendable {
        /// An option is invalid.
        case option
        /// A system library is missing, too old or out of memory.
        case library
        /// A document cannot be fetched.
        case fetch
    }

    public let code: Code
    /// What is wrong and what to do. Never contains a secret.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

/// Why a program cannot be started.
struct ExecError: Error, CustomStringConvertible {
    /// What failed, and what to do about it.
    let message: String

    init(command: [String], code: Int32) {
        let program = command.first ?? ""
        let advice =
            switch code {
            case ENOENT: "install it, or correct `exec` in the configuration"
            case EACCES: "make it executable for this user (chmod +x)"
            case ENOEXEC: "it is not a program for this machine"
            case EMFILE, ENFILE: "raise the limit of open files"
            case EAGAIN, ENOMEM: "the system has no processes or no memory left"
            default: "correct `exec` in the configuration"
            }
        message = "the program '\(program)' cannot be started: \(String(cString: strerror(code))); \(advice)"
    }

    var description: String { message }
}
