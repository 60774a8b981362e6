internal import JSON

/// The events in a lane's hand, from the peek to the commit, and what the stage decided about them.
struct Batch {
    /// The elements as they stood in the queue, head first.
    let raw: [[UInt8]]
    /// Each parsed, or the reason why it is no event.
    let entries: [Entry]
    /// What becomes of the first so many entries.
    var decisions: [Disposition] = []

    enum Entry {
        case event(Event)
        case unreadable(reason: String)
    }

    init(raw: [[UInt8]], parser: JSONParser) {
        self.raw = raw
        entries = raw.map { bytes in
            do throws(JSONError) {
                return .event(Event(fields: try parser.parseObject(bytes), raw: bytes))
            } catch {
                return .unreadable(reason: "not a JSON object: \(error.message)")
            }
        }
    }

    /// What the stage gets to see.
    var events: [Event] {
        entries.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
}
