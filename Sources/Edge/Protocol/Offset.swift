/// Where a reader wants to begin.
enum Offset: Equatable {
    /// `-1`: the oldest event kept.
    case beginning
    /// `now`: after the newest event.
    case now
    /// What an earlier answer gave.
    case position(Position)

    /// Reads an offset. Strict: nil for everything that no answer ever gave.
    init?(_ text: some StringProtocol) {
        self.init(Array(text.utf8).span)
    }

    /// Reads an offset where it lies in a request.
    init?(_ bytes: Span<UInt8>) {
        if bytes.equals("-1") {
            self = .beginning
        } else if bytes.equals("now") {
            self = .now
        } else {
            guard bytes.count == Position.length, bytes[10] == 0x5F, bytes[24] == 0x5F,
                let epoch = bytes.extracting(0..<10).decimal, let born = bytes.extracting(11..<24).decimal,
                let sequence = bytes.extracting(25..<Position.length).decimal
            else { return nil }
            self = .position(Position(epoch: epoch, born: born, sequence: sequence))
        }
    }
}
