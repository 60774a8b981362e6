import Glibc

/// Why a measurement cannot be made.
public struct LoadError: Error, CustomStringConvertible {
    /// What failed, and what to do about it.
    public let message: String

    init(_ message: String) {
        self.message = message
    }

    public var description: String { message }

    /// What the last system call says of its failure.
    static var systemReason: String { String(cString: strerror(errno)) }
}
