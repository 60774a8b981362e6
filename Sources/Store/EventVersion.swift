/// Says which of two events of a comment is the newer one.
///
/// The lane of a partition's first stage gives an event its version when it commits what became of it: the lane's token,
/// the commit's serial, the event's place in the batch. Tokens only grow, and a lane takes its queue in order, so no clock
/// can break this order. An event keeps its version on its whole way, also as a letter that is retried.
///
/// It travels as a member in front of the event's own, `{"_v":"TOKEN-SERIAL-INDEX",…`. Like ``JobTicket`` it is cut off
/// when a batch is read and put back when a commit hands the event on, so no stage and no reader sees it.
package struct EventVersion: Equatable {
    /// Three numbers, joined by hyphens.
    package let text: [UInt8]
    /// The event has taken the place of a held comment: it is published as the comment's creation, whatever it was.
    package let isCreation: Bool

    private static let opening = [UInt8](#""_v":""#.utf8)
    private static let creation = [UInt8](" created".utf8)

    package init(token: String, serial: Int, index: Int) {
        text = [UInt8]("\(token)-\(serial)-\(index)".utf8)
        isCreation = false
    }

    private init(text: [UInt8], isCreation: Bool) {
        self.text = text
        self.isCreation = isCreation
    }

    /// Cuts a version off. Nil when the bytes do not begin with one. Further ones behind it are not ours and go as well.
    package static func split(_ raw: [UInt8]) -> (version: EventVersion, event: [UInt8])? {
        guard raw.first == UInt8(ascii: "{"), let (version, end) = read(raw.dropFirst()) else { return nil }
        var rest = raw[end...]
        while rest.first == UInt8(ascii: ",") {
            rest = rest.dropFirst()
            guard let (_, end) = read(rest) else { break }
            rest = raw[end...]
        }
        var event: [UInt8] = []
        event.reserveCapacity(rest.count + 1)
        event.append(UInt8(ascii: "{"))
        event += rest
        return (version, event)
    }

    /// Puts the version in front of an event, which is a JSON object.
    package func stamp(_ event: [UInt8]) -> [UInt8] {
        var member: [UInt8] = []
        member.reserveCapacity(text.count + event.count + 16)
        member.append(UInt8(ascii: "{"))
        member += EventVersion.opening
        member += text
        member.append(UInt8(ascii: "\""))
        return LeadingMember.put(member, before: event)
    }

    /// The version that members begin with, and where it ends.
    private static func read(_ raw: ArraySlice<UInt8>) -> (version: EventVersion, end: Int)? {
        guard raw.starts(with: opening) else { return nil }
        let start = raw.startIndex + opening.count
        guard let end = raw[start...].prefix(64).firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        var text = raw[start..<end]
        let isCreation = text.last == creation.last && text.suffix(creation.count).elementsEqual(creation)
        if isCreation { text = text.dropLast(creation.count) }
        // Three numbers, and a hyphen after the first two.
        var (hyphens, digits) = (0, 0)
        for byte in text {
            if (48...57).contains(byte) {
                digits += 1
            } else if byte == UInt8(ascii: "-"), digits > 0, hyphens < 2 {
                (hyphens, digits) = (hyphens + 1, 0)
            } else {
                return nil
            }
        }
        guard hyphens == 2, digits > 0 else { return nil }
        return (EventVersion(text: Array(text), isCreation: isCreation), end + 1)
    }
}

/// Writes a member in front of those of a JSON object, byte by byte: the object is not parsed.
enum LeadingMember {
    /// - Parameters:
    ///   - member: with the opening brace: `{"key":value`.
    ///   - event: a JSON object; anything else is given back as it is.
    static func put(_ member: [UInt8], before event: [UInt8]) -> [UInt8] {
        guard event.first == UInt8(ascii: "{") else { return event }
        let rest = event.dropFirst().drop { $0 == 0x20 || (9...13).contains($0) }
        var result = member
        result.reserveCapacity(member.count + rest.count + 1)
        if rest.first != UInt8(ascii: "}") { result.append(UInt8(ascii: ",")) }
        result += rest
        return result
    }
}
