public import Events

/// The options of an edge process.
public struct EdgeOptions: Sendable {
    /// The address to listen on.
    public var address: ListenAddress
    /// Sockets of the supervisor that are bound to the address: this process's own first, then those of its sibling
    /// processes. Empty: the process opens its own.
    public var inheritedSockets: [Int32] = []
    /// The names that it is reached under, for requests of browsers.
    public var hosts = HostNames.named([])
    /// Where the dashboard and the metrics are served; nil: at ``address``.
    public var admin: ListenAddress?
    /// As ``inheritedSockets``, bound to ``admin``.
    public var adminSockets: [Int32] = []
    /// How long a long poll is held when the client does not say, in seconds, 1 to 55, shortened by a random fifth.
    public var holdSeconds = 25
    /// How many seconds a graceful shutdown takes to answer the held requests; nil: ``holdSeconds``.
    public var drainSeconds: Int?
    /// The kinds of channel (the text before the first `:`) that anyone may read. Others need a token.
    public var publicKinds: Set<String> = ["thread", "forum", "post"]
    /// The page served at `/`.
    public var page: EdgePage?
    /// The dashboard, served at `/dashboard`.
    public var dashboard: DashboardOptions?
    /// Files served from memory, by path: `["/tidings.js": …]`. The edge's own paths take precedence.
    public var files: [String: EdgeFile] = [:]
    /// Who may read what is not public, and who may post.
    public var access = AccessOptions()
    /// Proxies whose statement of a client's address is trusted.
    public var proxies = ProxyTrust()
    /// The Redis key that holds the epoch of offsets.
    public var epochKey: String
    /// The limits.
    public var limits = EdgeLimits()

    public init(address: ListenAddress, epochKey: String) {
        self.address = address
        self.epochKey = epochKey
    }
}

/// Why an edge could not start, or an option was refused.
public struct EdgeError: Error, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Code: Sendable {
        /// A key is malformed.
        case key
        /// A key set is malformed, or shows a private key.
        case keySet
        /// Nobody could post, or strangers could although nobody has said so.
        case write
    }

    public let code: Code
    /// What failed, and what to do about it.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
