/// A place in a channel: after the event with this sequence number, in this life of the feed.
struct Position: Equatable, Hashable {
    /// The epoch of the server's data.
    var epoch: Int64
    /// When the feed was created, in milliseconds since 1970; 0 while there is none.
    var born: Int64
    /// The sequence number of the last event before the place; 0 before the first.
    var sequence: Int64

    /// A place that no feed ever had: whoever comes back with it is told that its place is lost.
    static let nowhere = Position(epoch: 0, born: 1, sequence: 0)

    /// The bytes of a written position.
    static let length = 41

    /// Appends the position as `EEEEEEEEEE_BBBBBBBBBBBBB_SSSSSSSSSSSSSSSS`, digits only.
    ///
    /// The width is fixed, so that the order of the text is the order in the stream (Durable Streams, 6).
    func write(into bytes: inout [UInt8]) {
        bytes.appendDecimal(epoch, width: 10)
        bytes.append(0x5F)
        bytes.appendDecimal(born, width: 13)
        bytes.append(0x5F)
        bytes.appendDecimal(sequence, width: 16)
    }

    var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Position.length)
        write(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
