import Signing

/// A secret that sender and receiver share, and its signatures (Standard Webhooks, "Signature scheme").
///
/// It is written as `whsec_` and 24 to 64 bytes in base64. It cannot be read back, so nothing prints it by accident.
struct WebhookSecret: Sendable, CustomStringConvertible {
    private let key: [UInt8]

    static let prefix = "whsec_"
    static let bytes = 24...64

    /// - Throws: ``ConnectorsError/Code/option``, without the secret in its message.
    init(_ text: some StringProtocol) throws(ConnectorsError) {
        guard text.hasPrefix(WebhookSecret.prefix),
            let bytes = Base64.decode(text.dropFirst(WebhookSecret.prefix.count).utf8),
            WebhookSecret.bytes.contains(bytes.count)
        else {
            throw ConnectorsError(
                .option,
                "a secret is written whsec_ and 24 to 64 bytes in base64; make one with: "
                    + "echo whsec_$(openssl rand -base64 32)")
        }
        key = bytes
    }

    /// The secrets in a text, separated by white space: several while receivers rotate secrets.
    static func list(_ text: String) throws(ConnectorsError) -> [WebhookSecret] {
        var secrets: [WebhookSecret] = []
        for part in text.split(whereSeparator: \.isWhitespace) { secrets.append(try WebhookSecret(part)) }
        guard !secrets.isEmpty else { throw ConnectorsError(.option, "a webhook needs a secret that signs it") }
        return secrets
    }

    var description: String { "whsec_…" }

    /// The signature of a message, as sent in the field `webhook-signature`.
    ///
    /// - Parameter timestamp: seconds since 1970.
    /// - Throws: ``SigningError/Code/library``: what signs is loaded by the first that does.
    func signature(id: String, timestamp: Int64, body: [UInt8]) throws(SigningError) -> String {
        let code = try HMACKey(key).code(of: Array("\(id).\(timestamp).".utf8) + body)
        return "v1,\(Base64.encode(code))"
    }
}
