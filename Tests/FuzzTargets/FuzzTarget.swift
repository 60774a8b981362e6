/// A parser that reads what came from a network, with what has to hold whatever the bytes are.
///
/// Used by `make fuzz` (libFuzzer, guided by coverage) and by the tests (the corpus and seeded mutations of it).
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// The head of an HTTP request, in pieces.
    case request
    /// A chunked body, in pieces.
    case chunked
    /// A request's target: path and query.
    case target
    /// `offset`, `c`, and the `id` of server-sent events.
    case offset
    /// A proxy's header, and the clients that proxies name.
    case proxy
    /// A reply of Redis.
    case resp
    /// An announcement of a feed.
    case announcement
    /// A JSON event, and a job's ticket in front of it.
    case event
    /// A token: header and claims, signed and not.
    case token
    /// A set of keys from an address.
    case keyset
    /// An edit key, and the author of a comment.
    case editkey

    /// Reads the bytes. Gives what does not hold, nil when all does; what traps is found by whoever calls.
    public func violation(_ bytes: [UInt8]) -> String? {
        switch self {
        case .request: RequestProperty.violation(bytes)
        case .chunked: ChunkedProperty.violation(bytes)
        case .target: TargetProperty.violation(bytes)
        case .offset: OffsetProperty.violation(bytes)
        case .proxy: ProxyProperty.violation(bytes)
        case .resp: RESPProperty.violation(bytes)
        case .announcement: AnnouncementProperty.violation(bytes)
        case .event: EventProperty.violation(bytes)
        case .token: TokenProperty.violation(bytes)
        case .keyset: KeySetProperty.violation(bytes)
        case .editkey: EditKeyProperty.violation(bytes)
        }
    }
}
