import Glibc

/// The options of the stage `webhook`.
public struct WebhookOptions: Sendable {
    /// The receiver, `https://` or `http://`. A user and a password in it are sent as basic authentication.
    public var url: String
    /// The secret that signs messages: `whsec_` and 24 to 64 bytes in base64. Several, separated by spaces, each give a
    /// signature, so that receivers can rotate secrets.
    public var secret: String
    /// How long the receiver may take for its complete response, in milliseconds.
    public var timeout: Int64
    /// The most requests in flight for each lane, each for another conversation.
    public var inFlight: Int
    /// The event types that are sent; nil: all. Events of other types pass without being sent.
    public var types: Set<String>?
    /// A file of certificates (PEM) to trust in place of the system's.
    public var caFile: String?

    /// A worker that shuts down waits for its requests: this bound keeps that within the time for a shutdown.
    package static let timeouts: ClosedRange<Int64> = 100...10_000
    package static let inFlights = 1...256

    public init(
        url: String, secret: String, timeout: Int64 = 5000, inFlight: Int = 8, types: Set<String>? = nil,
        caFile: String? = nil
    ) {
        self.url = url
        self.secret = secret
        self.timeout = timeout
        self.inFlight = inFlight
        self.types = types
        self.caFile = caFile
    }

    /// Checks all that can be checked without the network.
    ///
    /// - Throws: ``ConnectorsError/Code/option`` that names the invalid option and the valid values; never the secret.
    public func validate() throws(ConnectorsError) {
        _ = try WebhookURL(url)
        _ = try WebhookSecret.list(secret)
        guard WebhookOptions.timeouts.contains(timeout) else {
            throw ConnectorsError(.option, "the timeout of a webhook is 100ms to 10s")
        }
        guard WebhookOptions.inFlights.contains(inFlight) else {
            throw ConnectorsError(.option, "in_flight of a webhook is 1 to 256")
        }
        if let types, types.isEmpty || types.contains("") {
            throw ConnectorsError(
                .option, "types of a webhook needs at least one event type; leave it out to send all events")
        }
        if let caFile, access(caFile, R_OK) != 0 {
            throw ConnectorsError(
                .option, "the ca_file \(caFile) cannot be read: \(String(cString: strerror(errno)))")
        }
    }
}

/// The URL of a receiver, checked without the network.
struct WebhookURL: Sendable, CustomStringConvertible {
    /// The URL as configured: it may contain a password.
    let text: String
    /// The URL without credentials and query, for messages.
    let description: String

    private static let maxBytes = 2048

    /// - Parameter subject: what it is, for errors.
    /// - Throws: ``ConnectorsError/Code/option``.
    init(_ text: String, of subject: String = "a webhook's URL") throws(ConnectorsError) {
        guard text.utf8.count <= WebhookURL.maxBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConnectorsError(
                .option, "\(subject) has at most 2048 characters, all of them ASCII and none of them white space")
        }
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw ConnectorsError(.option, "\(subject) begins with https:// or http://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        guard WebhookURL.isHost(host) else {
            throw ConnectorsError(
                .option, "\(subject) needs a host, and may have a port: https://example.org/hook")
        }
        guard !rest.contains("#") else {
            throw ConnectorsError(.option, "\(subject) has no fragment: what follows # is not sent")
        }
        self.text = text
        description = scheme + host + rest.dropFirst(authority.count).prefix { $0 != "?" }
    }

    private static func isHost(_ text: Substring) -> Bool {
        var name = text
        // An IPv6 address is in brackets and has colons itself.
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else { return false }
            name = text[..<colon]
        }
        if name.hasPrefix("[") { return name.hasSuffix("]") && name.count > 2 }
        return !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || "-._~".contains($0) }
    }
}
