/// Ties an event to the Thoonk job that it came from, until the commit that ends the event finishes the job.
///
/// It travels as the event's first member, `{"_job":["FEED","ID","TICKET"],…`, written by `tidings_draw` and by commits.
/// No stage sees it, so none can lose, change or publish it: it is cut off when a batch is read and put back when a
/// commit hands the event on.
package struct JobTicket: Equatable {
    /// The JSON array of feed, id and ticket, as it stands in the event.
    package let array: [UInt8]

    private static let opening = [UInt8](#"{"_job":"#.utf8)

    /// Cuts a ticket off. Nil when the bytes begin with none, or with one that does not end.
    package static func split(_ raw: [UInt8]) -> (ticket: JobTicket, event: [UInt8])? {
        guard raw.starts(with: opening), opening.count < raw.count, raw[opening.count] == UInt8(ascii: "["),
            let end = endOfArray(raw, from: opening.count + 1)
        else { return nil }
        var rest = end + 1
        if rest < raw.count, raw[rest] == UInt8(ascii: ",") { rest += 1 }
        return (JobTicket(array: Array(raw[opening.count...end])), [UInt8(ascii: "{")] + raw[rest...])
    }

    /// Puts the ticket back in front of an event, which is a JSON object.
    package func stamp(_ event: [UInt8]) -> [UInt8] {
        LeadingMember.put(JobTicket.opening + array, before: event)
    }

    /// Where the array's bracket is, of three strings and nothing else.
    private static func endOfArray(_ raw: [UInt8], from start: Int) -> Int? {
        var isInString = false
        var isEscaped = false
        for index in start..<raw.count {
            let byte = raw[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else {
                switch byte {
                case UInt8(ascii: "]"): return index
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: ","): break
                default: return nil
                }
            }
        }
        return nil
    }
}

/// How a job ends with its event, in the words that `job.finish` announces.
package enum JobOutcome: Hashable, Comparable {
    case published
    /// The last stage let it go without publishing it: an archive, a webhook.
    case done
    case dropped(reason: String)
    /// A dead letter: the job is stalled, for somebody to look at.
    case stalled

    package var text: String {
        switch self {
        case .published: "published"
        case .done: "done"
        case .dropped(let reason): "dropped: \(reason)"
        case .stalled: "stalled"
        }
    }

    package static func < (left: JobOutcome, right: JobOutcome) -> Bool { left.text < right.text }
}
