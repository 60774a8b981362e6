import JSON

/// What `/v1/poll` answers and `/v1/events` sends.
///
///     {"channels":{"thread:42":{"next":"…","events":[…],"reset":false}},"wait":0}
struct ChannelsAnswer {
    private struct Item {
        let name: String
        let next: Position
        /// Nil: the events come with the next answer.
        let batch: EncodedBatch?
        let isReset: Bool
    }

    /// How many events it holds.
    private(set) var events = 0
    /// Whether there was more than it has room for.
    private(set) var isCut = false
    private var items: [Item] = []
    private let wait: Int64
    private var size = 0

    /// Smaller bodies are copied as they are: to look them up compressed is not worth it.
    private static let plainBatch = 256

    /// Takes from each share what there is, as long as it has room: the first that has something always goes, so that
    /// every answer gets its reader further.
    ///
    /// - Parameters:
    ///   - limit: bytes of events.
    ///   - wait: the pause in milliseconds that the reader is asked for.
    init(_ shares: [ChannelShare], limit: Int, wait: Int64) {
        self.wait = wait
        items.reserveCapacity(shares.count)
        var room = limit
        for share in shares {
            let batch = share.ring.batch(after: share.position.sequence)
            let fits = batch.body.count <= room || room == limit
            if !fits { isCut = true }
            if fits, batch.count > 0 {
                room -= batch.body.count
                events += batch.count
            }
            items.append(
                Item(
                    name: share.subscription.channel.name, next: fits ? batch.next : share.position,
                    batch: fits && batch.count > 0 ? batch : nil, isReset: share.isReset))
        }
        size = limit - room
    }

    /// The positions after it, in the order of the shares.
    var places: some Sequence<Position> { items.lazy.map(\.next) }

    /// Whether it is worth compressing.
    var isLarge: Bool { size >= GzipBody.worthwhile }

    /// Appends the answer.
    func write(into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + size + 160 * items.count + 32)
        forEachPiece(&bytes) { batch, bytes in bytes.append(contentsOf: batch.body) }
    }

    /// The answer in gzip form: put together from the events' shared compressed bodies.
    func gzip(by zlib: ZlibHandle) -> [UInt8] {
        var writer = GzipWriter()
        var plain: [UInt8] = []
        forEachPiece(&plain) { batch, plain in
            guard batch.body.count >= Self.plainBatch, let body = batch.gzip(by: zlib) else {
                return plain.append(contentsOf: batch.body)
            }
            writer.append(plain: plain)
            plain.removeAll(keepingCapacity: true)
            writer.append(body)
        }
        writer.append(plain: plain)
        return writer.finish()
    }

    /// Writes what stands around the events, and calls for each channel's events in their place.
    private func forEachPiece(_ bytes: inout [UInt8], events: (EncodedBatch, inout [UInt8]) -> Void) {
        bytes.append("{\"channels\":{")
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            JSON.string(item.name).write(into: &bytes)
            bytes.append(":{\"next\":\"")
            item.next.write(into: &bytes)
            bytes.append("\",\"events\":")
            if let batch = item.batch { events(batch, &bytes) } else { bytes.append("[]") }
            bytes.append(item.isReset ? ",\"reset\":true}" : ",\"reset\":false}")
        }
        bytes.append("},\"wait\":")
        bytes.appendDecimal(wait)
        bytes.append(0x7D)
    }
}
