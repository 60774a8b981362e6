import Glibc

/// What kept a test's tool from doing its work: a program that would not start, a server that did not answer in time.
public struct TestSupportError: Error, CustomStringConvertible {
    /// What failed, with what was seen last.
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    /// The error of the system call that has just failed.
    static func system(_ call: String, code: Int32 = errno) -> TestSupportError {
        TestSupportError("\(call): \(String(cString: strerror(code)))")
    }
}
