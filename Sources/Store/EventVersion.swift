/// Says which of two events of a comment is the newer one.
///
/// The lane of a partition's first stage gives an event its version when it commits what became of it: the lane's token,
/// the commit's serial, the event's place in the batch. Tokens only grow, and a lane takes its queue in order, so no clock
/// can break this order. An event keeps its version on its whole way, also as a letter that is retried.
///
/// It travels as one of the ``LeadingMembers``, `"_v":"TOKEN-SERIAL-INDEX"`.
package struct EventVersion: Equatable {
    /// Three numbers, joined by hyphens.
    package let text: ArraySlice<UInt8>
    /// The event has taken the place of a held comment: it is published as the comment's creation, whatever it was.
    package let isCreation: Bool

    /// The most bytes that a version can have, with the word behind it.
    private static let maxBytes = 64
    private static let creation = [UInt8](" created".utf8)

    package init(token: String, serial: Int, index: Int) {
        self.init(series: EventVersion.series(token: token, serial: serial), index: index)
    }

    /// - Parameter series: what the versions that a commit gives begin with.
    package init(series: [UInt8], index: Int) {
        var text: [UInt8] = []
        text.reserveCapacity(series.count + 8)
        text += series
        text += String(index).utf8
        self.text = text[...]
        isCreation = false
    }

    /// Reads a version as it stands in a record. Nil for what is none.
    package init?(_ text: [UInt8]) {
        guard let (version, _) = EventVersion.read(text + [UInt8(ascii: "\"")], from: 0) else { return nil }
        self = version
    }

    private init(text: ArraySlice<UInt8>, isCreation: Bool) {
        self.text = text
        self.isCreation = isCreation
    }

    /// Whether this is the version of an older event of the comment: the numbers are compared one after another.
    package func isOlder(than other: EventVersion) -> Bool {
        let (own, its) = (numbers, other.numbers)
        return zip(own, its).first { $0 != $1 }.map { $0 < $1 } ?? false
    }

    private var numbers: [UInt64] {
        text.split(separator: UInt8(ascii: "-")).map { UInt64(String(decoding: $0, as: UTF8.self)) ?? .max }
    }

    /// What the versions begin with that one commit gives.
    package static func series(token: String, serial: Int) -> [UInt8] {
        [UInt8]("\(token)-\(serial)-".utf8)
    }

    /// Reads the version whose string begins at `start`, behind its opening quote, and gives where that string has ended.
    static func read(_ element: [UInt8], from start: Int) -> (version: EventVersion, end: Int)? {
        // Three numbers, and a hyphen after the first two.
        var (hyphens, digits, index) = (0, 0, start)
        let limit = min(element.count, start + maxBytes)
        scan: while index < limit {
            switch element[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: "-") where digits > 0 && hyphens < 2: (hyphens, digits) = (hyphens + 1, 0)
            default: break scan
            }
            index += 1
        }
        guard index < limit, hyphens == 2, digits > 0 else { return nil }
        let text = element[start..<index]
        if element[index] == UInt8(ascii: "\"") { return (EventVersion(text: text, isCreation: false), index + 1) }
        let end = index + creation.count
        guard end < element.count, element[index..<end].elementsEqual(creation), element[end] == UInt8(ascii: "\"")
        else { return nil }
        return (EventVersion(text: text, isCreation: true), end + 1)
    }
}
