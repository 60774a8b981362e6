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
        if text == "-1" {
            self = .beginning
            return
        }
        if text == "now" {
            self = .now
            return
        }
        var numbers: (Int64, Int64, Int64) = (0, 0, 0)
        var index = 0
        for byte in text.utf8 {
            if index == 10 || index == 24 {
                guard byte == 0x5F else { return nil }
            } else {
                guard byte.isDigit else { return nil }
                let digit = Int64(byte - 0x30)
                switch index {
                case 0..<10: numbers.0 = numbers.0 * 10 + digit
                case 11..<24: numbers.1 = numbers.1 * 10 + digit
                case 25..<Position.length: numbers.2 = numbers.2 * 10 + digit
                default: return nil
                }
            }
            index += 1
        }
        guard index == Position.length else { return nil }
        self = .position(Position(epoch: numbers.0, born: numbers.1, sequence: numbers.2))
    }
}
