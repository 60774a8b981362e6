@testable import Store

/// An announcement is a sequence number, a NUL and the event, or is passed over.
enum AnnouncementProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        guard let (sequence, event) = ChannelFeed.parse(announcement: bytes) else { return nil }
        guard sequence >= 0 else { return "a negative sequence number" }
        guard bytes.count - event.count <= 20, bytes[bytes.count - event.count - 1] == 0 else { return "a wrong split" }
        let digits = String(decoding: bytes[..<(bytes.count - event.count - 1)], as: UTF8.self)
        return Int64(digits) == sequence ? nil : "another number than \(digits)"
    }
}
