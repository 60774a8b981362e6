/// What a token gives leave to read: one channel (`user:7`), or all whose names begin alike (`room:*`).
///
/// Names are compared byte by byte: two that look alike are two channels.
public struct ChannelPattern: Sendable, Equatable {
    private let bytes: [UInt8]
    private let isPrefix: Bool

    /// The longest pattern, in bytes: a channel's longest name and the star.
    static let maxBytes = 257

    /// Reads `KIND:NAME` or `KIND:BEGINNING*`, where the beginning may be empty.
    ///
    /// - Returns: nil for what is neither. A star stands only at the end, and not for a kind: leave to read every channel,
    ///   of kinds that nobody has thought of yet, is not given.
    public init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)
        guard bytes.count <= ChannelPattern.maxBytes else { return nil }
        isPrefix = bytes.last == UInt8(ascii: "*")
        if isPrefix { bytes.removeLast() }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, isPrefix || colon < bytes.count - 1
        else { return nil }
        for byte in bytes {
            switch byte {
            case 0..<0x20, 0x7F, UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "*"): return nil
            default: break
            }
        }
        self.bytes = bytes
    }

    /// Whether it gives leave to read that channel.
    public func matches(_ channel: String) -> Bool {
        isPrefix ? channel.utf8.starts(with: bytes) : channel.utf8.elementsEqual(bytes)
    }
}
