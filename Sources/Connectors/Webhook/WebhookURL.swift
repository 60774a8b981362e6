/// Where a webhook is sent, checked as far as can be without asking the network.
struct WebhookURL: Sendable, CustomStringConvertible {
    /// The URL as it was given: it may hold a password.
    let text: String
    /// The URL without credentials and query: for messages.
    let description: String

    private static let maxBytes = 2048

    /// - Throws: ``ConnectorsError/Code/option``.
    init(_ text: String) throws(ConnectorsError) {
        guard text.utf8.count <= WebhookURL.maxBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConnectorsError(
                .option, "a webhook's URL has at most 2048 characters, all of them ASCII and none of them white space")
        }
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw ConnectorsError(.option, "a webhook's URL begins with https:// or http://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        guard WebhookURL.isHost(host) else {
            throw ConnectorsError(.option, "a webhook's URL names a host, and a port or none: https://example.org/hook")
        }
        guard !rest.contains("#") else {
            throw ConnectorsError(.option, "a webhook's URL has no fragment: what follows # is not sent")
        }
        self.text = text
        description = scheme + host + rest.dropFirst(authority.count).prefix { $0 != "?" }
    }

    private static func isHost(_ text: Substring) -> Bool {
        var name = text
        // An IPv6 address stands in brackets, with colons of its own.
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else { return false }
            name = text[..<colon]
        }
        if name.hasPrefix("[") { return name.hasSuffix("]") && name.count > 2 }
        return !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || "-._~".contains($0) }
    }
}
