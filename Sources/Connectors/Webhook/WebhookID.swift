import Signing

/// The number of a message, by which its receiver knows a repeat (`webhook-id`): 128 bits of the SHA-256 of its body.
///
/// An event is sent as the bytes that stand in the queue, so each attempt has the same number, in whatever process and
/// after whatever crash; two edits of one comment differ in their bytes.
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
