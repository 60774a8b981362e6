internal import JSON
internal import Store

/// The events in a lane's hand, from the peek to the commit, and what the stage decided about them.
struct Batch {
    /// The elements as they stood in the queue, head first.
    let raw: [[UInt8]]
    /// Each parsed, or the reason why it is no event.
    let entries: [Entry]
    /// The job that an entry came from, by the entry's index: of those that came from one.
    let jobs: [Int: JobTicket]
    /// What becomes of the first so many entries.
    var decisions: [Disposition] = []

    enum Entry {
        case event(Event)
        case unreadable(reason: String)
    }

    init(raw: [[UInt8]], parser: JSONParser) {
        self.raw = raw
        var jobs: [Int: JobTicket] = [:]
        entries = raw.enumerated().map { index, bytes in
            var bytes = bytes
            if let (job, event) = JobTicket.split(bytes) {
                jobs[index] = job
                bytes = event
            }
            do throws(JSONError) {
                return .event(Event(fields: try parser.parseObject(bytes), raw: bytes))
            } catch {
                return .unreadable(reason: "not a JSON object: \(error.message)")
            }
        }
        self.jobs = jobs
    }

    /// What the stage gets to see.
    var events: [Event] {
        entries.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
}
