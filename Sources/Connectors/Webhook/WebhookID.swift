import Signing

/// The id of a message, by which the receiver recognises a repeat (`webhook-id`): 128 bits of the SHA-256 of its body.
///
/// The body is the event as queued, so each attempt has the same id, in any process and after any crash. Two edits of
/// one comment differ in their bytes, and so in their ids.
struct WebhookID: Hashable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// - Throws: ``SigningError/Code/library``.
    init(of body: [UInt8]) throws(SigningError) {
        let hash = try SHA256.hash(body)
        high = hash.high
        low = hash.low
    }

    /// `msg_` and 32 hexadecimal digits.
    var description: String { "msg_\(WebhookID.hexadecimal(high))\(WebhookID.hexadecimal(low))" }

    private static func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
