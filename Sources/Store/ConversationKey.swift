package import JSON

/// Finds the conversation of an event.
package enum ConversationKey {
    /// The value of `thread` as text; nil when there is none that could name a conversation.
    package static func conversation(of fields: JSONObject) -> String? {
        switch fields["thread"] {
        case .string(let name): name
        case .int(let number): String(number)
        case .uint(let number): String(number)
        default: nil
        }
    }
}

/// CRC16 as Redis Cluster uses it to hash keys (XMODEM: polynomial 0x1021, initial value 0).
/// Source: Redis cluster specification, appendix A.
package enum CRC16 {
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes {
            crc = (crc << 8) ^ table[Int((crc >> 8) ^ UInt16(byte))]
        }
        return crc
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : (crc << 1) ^ 0x1021 }
    }
}
