internal import CCrypto

/// libcrypto, which is loaded by the first that needs it and stays loaded.
enum Library {
    private static let result: Result<Void, SigningError> = {
        var reason = [CChar](repeating: 0, count: 256)
        if ccrypto_load(&reason, reason.count) != 0 { return .success(()) }
        let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return .failure(SigningError(.library, String(decoding: text, as: UTF8.self)))
    }()

    /// Called before every other function of `CCrypto`; takes no time after the first call.
    ///
    /// - Throws: ``SigningError/Code/library``, at every call.
    static func load() throws(SigningError) {
        try result.get()
    }

    /// Ends the process as Swift does when memory is out: with a loaded library, nothing else makes a hash or a signature
    /// fail.
    static func outOfMemory() -> Never {
        fatalError("libcrypto failed: out of memory")
    }
}

/// Why something cannot be hashed, signed or checked.
public struct SigningError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// OpenSSL's libcrypto is missing, too old, or does not offer an algorithm.
        case library
        /// The text or the bytes are no key, or a key of another kind.
        case key
    }

    public let code: Code
    /// What is wrong and what to do about it. Never contains a key.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
