/// Ties an event to the Thoonk job that it came from, until the commit that ends the event finishes the job.
///
/// It travels as the first of the ``LeadingMembers``, `{"_job":["FEED","ID","TICKET"],…`, written by `tidings_draw` and by
/// commits.
package struct JobTicket: Equatable {
    /// The JSON array of feed, id and ticket, as it stands in the event.
    package let array: ArraySlice<UInt8>

    /// Reads the ticket whose bracket stands at `start`, and gives where it has ended. Nil when there is none, or one that
    /// does not end.
    static func read(_ raw: [UInt8], from start: Int) -> (ticket: JobTicket, end: Int)? {
        guard let end = endOfArray(raw, from: start + 1) else { return nil }
        return (JobTicket(array: raw[start...end]), end + 1)
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
