import Glibc

/// What the stage `webhook` can be told.
public struct WebhookOptions: Sendable {
    /// Where events are sent: `https://` or `http://`. A user and password in it are sent as basic authentication.
    public var url: String
    /// What signs them: `whsec_` and 24 to 64 bytes in base64. Several, separated by spaces, each give a signature of
    /// their own, so that receivers can change from one to the next.
    public var secret: String
    /// How long a receiver may take for its whole answer, in milliseconds.
    public var timeout: Int64
    /// Requests that are under way at once for each lane, each for another conversation.
    public var inFlight: Int
    /// The event types that are sent; nil: all. Others go on without being sent.
    public var types: Set<String>?
    /// A file of certificates (PEM) to trust in place of the system's.
    public var caFile: String?

    /// A worker that is asked to end waits for its requests: this keeps it within the time it is given for that.
    static let timeouts: ClosedRange<Int64> = 100...10_000
    static let inFlights = 1...256

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

    /// Checks everything that can be checked without the network.
    ///
    /// - Throws: ``ConnectorsError/Code/option``: which option is wrong and what would be right; never the secret.
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
            throw ConnectorsError(.option, "types of a webhook names event types; without it all events are sent")
        }
        if let caFile, access(caFile, R_OK) != 0 {
            throw ConnectorsError(
                .option, "the ca_file \(caFile) cannot be read: \(String(cString: strerror(errno)))")
        }
    }
}
