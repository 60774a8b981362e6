/// A request's head. Ranges count from the request's first byte and are valid while that input is kept.
struct RequestHead: Equatable {
    var method = HTTPMethod.unknown
    /// The target's path: absolute-form is reduced to it, `*` stays `*`.
    var path = 0..<0
    /// The target's query, without the question mark.
    var query = 0..<0
    /// 0 or 1.
    var minorVersion: UInt8 = 1
    /// Whether the client lets the connection stay.
    var keepAlive = true
    var framing = BodyFraming.none
    /// Whether the client waits for 100 (Continue) before it sends the body.
    var expectsContinue = false
    var contentType = 0..<0
    var ifNoneMatch = 0..<0
    var acceptEncoding = 0..<0
    var lastEventID = 0..<0
    var host = 0..<0
    var origin = 0..<0
    var authorization = 0..<0
    var apiKey = 0..<0
    /// The last `X-Forwarded-For` field.
    var forwardedFor = 0..<0
    /// Those before it: together they are one list (RFC 9110, 5.3).
    var earlierForwardedFor: [Range<Int>] = []
    /// Whether a field says that it came through a proxy.
    var isForwarded = false
    /// How many bytes the head has, with its empty line.
    var length = 0
}
