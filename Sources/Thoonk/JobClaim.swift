/// A job that a worker has taken: what to do, and the proof that it is his.
///
/// The claim ends by ``Job/finish(_:result:)``, ``Job/cancel(_:)`` or ``Job/stall(_:)``, or when its time is over: then
/// somebody else may take the job, and a late finish of this claim is refused.
public struct JobClaim: Sendable, Equatable {
    /// As text: an id that is no UTF-8, which only another client can have made, is repaired. The claim works all the
    /// same.
    public var id: String { String(decoding: rawID, as: UTF8.self) }
    /// What is to be done.
    public let bytes: [UInt8]
    /// How often the job was cancelled, or its claim's time was over, before.
    public let cancelled: Int
    /// Proves the claim; another claim on the same job has another one. May be kept as text and given to
    /// ``Job/finish(id:token:result:)`` by another process.
    public let token: String

    /// The item as text, repaired where it is no UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    let rawID: [UInt8]

    init(rawID: [UInt8], bytes: [UInt8], cancelled: Int, token: String) {
        self.rawID = rawID
        self.bytes = bytes
        self.cancelled = cancelled
        self.token = token
    }
}
