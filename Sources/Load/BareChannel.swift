/// One channel of the bare loop: all its events, as the inside of one JSON array, and who waits for the next.
struct BareChannel {
    /// The events, a comma behind each.
    private(set) var log: [UInt8] = []
    /// Where each event ends in the log, its comma included.
    private var ends: [Int] = []
    /// Connections that are held. Entries may be out of date.
    var waiting: [Int32] = []
    /// Connections that get a stream.
    var streams: [Int32] = []

    var count: Int { ends.count }

    mutating func append(_ event: some Sequence<UInt8>) {
        log.append(contentsOf: event)
        log.append(UInt8(ascii: ","))
        ends.append(log.count)
    }

    /// The bytes of the events from a place on, without the last comma.
    func bytes(from place: Int) -> Range<Int> {
        guard place < count else { return 0..<0 }
        return (place == 0 ? 0 : ends[place - 1])..<log.count - 1
    }
}
