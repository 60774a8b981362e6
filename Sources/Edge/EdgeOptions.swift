public import Events

/// What an edge process is told when it starts.
public struct EdgeOptions: Sendable {
    /// Where to listen.
    public var address: ListenAddress
    /// Sockets of the supervisor that are bound to the address: this process's own, then those of the processes beside
    /// it. Empty: the process opens one of its own.
    public var inheritedSockets: [Int32] = []
    /// How long a long-poll is held when the client names no time, in seconds, 1 to 55. Spread by a fifth
    /// downwards.
    public var holdSeconds = 25
    /// In how many seconds a drain answers what is held; nil: one hold.
    public var drainSeconds: Int?
    /// The kinds of channel (the text before the first `:`) that anyone may read. Others need a token.
    public var publicKinds: Set<String> = ["thread", "forum", "post"]
    /// Served at `/` when given.
    public var page: EdgePage?
    /// Served at `/dashboard` when given.
    public var dashboard: DashboardOptions?
    /// Files served from memory, by path: `["/tidings.js": …]`. What the edge serves itself comes first.
    public var files: [String: EdgeFile] = [:]
    /// Who may read what is not public, and who may post.
    public var access = AccessOptions()
    /// Proxies whose word on a client's address is taken.
    public var proxies = ProxyTrust()
    /// The Redis key of the epoch that offsets belong to.
    public var epochKey: String
    /// The limits.
    public var limits = EdgeLimits()

    public init(address: ListenAddress, epochKey: String) {
        self.address = address
        self.epochKey = epochKey
    }
}
