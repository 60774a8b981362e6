import Signing

/// The key of an anonymous writer: who has it may edit and delete what was posted with it.
///
/// The edge keeps none: the pipeline knows a comment's writer by the key's fingerprint, from which nobody finds the key.
struct EditKey: Equatable, Sendable, CustomStringConvertible {
    /// As it stands in the header and in the answer.
    let text: String
    /// Whether the edge has made it, and so has to tell it.
    let isNew: Bool

    /// The length of a key, in characters of base64url. 22 hold 128 bits.
    static let characters = 22...64

    /// What a client has sent; nil when it is no key.
    init?(parsing text: String) {
        guard EditKey.characters.contains(text.utf8.count), text.utf8.allSatisfy(\.isBase64URL) else { return nil }
        self.text = text
        isNew = false
    }

    private init(new text: String) {
        self.text = text
        isNew = true
    }

    /// 128 bits of the system's random numbers.
    static func make() -> EditKey {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        return EditKey(new: Base64.encode(bytes, .url))
    }

    var description: String { "edit key" }

    /// 128 bits of the key's SHA-256, 22 characters of base64url.
    ///
    /// - Throws: ``SigningError/Code/library``.
    func fingerprint() throws(SigningError) -> String {
        Base64.encode(try SHA256.hash(Array(text.utf8)).bytes.prefix(16), .url)
    }
}

extension UInt8 {
    fileprivate var isBase64URL: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
