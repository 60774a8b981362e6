/// The server closed the connection before its answer was whole.
public struct ConnectionClosed: Error, CustomStringConvertible {
    /// What had come of the answer.
    public let received: [UInt8]

    public var description: String {
        "the connection was closed after \(received.count) bytes: \(String(decoding: received.prefix(200), as: UTF8.self))"
    }
}
