/// Makes ids for events that come without one: UUID version 7 (RFC 9562 section 5.7), whose order is that of time.
enum UUIDv7 {
    /// - Parameter milliseconds: since 1970.
    static func make(at milliseconds: Int64, using generator: inout some RandomNumberGenerator) -> String {
        let time = UInt64(bitPattern: milliseconds) & 0xFFFF_FFFF_FFFF
        let version: UInt64 = 7
        let variant: UInt64 = 0b10
        let high = time << 16 | version << 12 | (generator.next() as UInt64) & 0xFFF
        let low = variant << 62 | (generator.next() as UInt64) >> 2
        return String(unsafeUninitializedCapacity: 36) { buffer in
            var index = 0
            for (word, shifts) in [
                (high, stride(from: 60, through: 0, by: -4)), (low, stride(from: 60, through: 0, by: -4)),
            ] {
                for shift in shifts {
                    if index == 8 || index == 13 || index == 18 || index == 23 {
                        buffer[index] = UInt8(ascii: "-")
                        index += 1
                    }
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    buffer[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
                    index += 1
                }
            }
            return index
        }
    }
}
