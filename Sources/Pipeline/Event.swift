public import JSON
internal import Store

/// One event on its way through the pipeline: a JSON object.
public struct Event: Sendable {
    /// The members, in their order. A stage changes them in place.
    public var fields: JSONObject {
        didSet { isChanged = true }
    }

    /// The bytes that stood in the queue, without what the pipeline puts in front of them. They are handed on as they are when no stage has changed `fields`.
    public let raw: [UInt8]

    /// Identifies the repeats of this event. A stage that wants repeats dropped sets it: the commit drops the event when
    /// the same key was committed lately in this partition. At most 64 bytes. See ``Stage/duplicates``.
    public var duplicateKey: [UInt8]?

    private(set) var isChanged = false

    public init(fields: JSONObject, raw: [UInt8]) {
        self.fields = fields
        self.raw = raw
    }

    /// The bytes to hand on.
    public var bytes: [UInt8] {
        isChanged ? fields.bytes : raw
    }
}

/// The events that a lane works on, from the peek to the commit, and what the stage decided about them.
struct Batch {
    /// The elements as they stood in the queue, head first.
    let raw: [[UInt8]]
    /// Each element parsed, or the reason why it is no event.
    let entries: [Entry]
    /// The Thoonk jobs that elements came from, by index.
    let jobs: [Int: JobTicket]
    /// The versions that elements have been given.
    let versions: [EventVersion?]
    /// What the stage decided about the first so many entries.
    var decisions: [Disposition] = []

    enum Entry {
        case event(Event)
        case unreadable(reason: String)
    }

    init(raw: [[UInt8]], parser: JSONParser) {
        self.raw = raw
        var jobs: [Int: JobTicket] = [:]
        var versions = [EventVersion?](repeating: nil, count: raw.count)
        entries = raw.enumerated().map { index, bytes in
            var bytes = bytes
            if let (job, event) = JobTicket.split(bytes) {
                jobs[index] = job
                bytes = event
            }
            if let (version, event) = EventVersion.split(bytes) {
                versions[index] = version
                bytes = event
            }
            do throws(JSONError) {
                var event = Event(fields: try parser.parseObject(bytes), raw: bytes)
                if versions[index]?.isCreation == true { event.fields["type"] = .string(EventType.created) }
                return .event(event)
            } catch {
                return .unreadable(reason: "not a JSON object: \(error.message)")
            }
        }
        self.jobs = jobs
        self.versions = versions
    }

    /// An event that has its version and belongs to no job: unchanged, it is handed on as it stood in the queue.
    struct Element {
        let raw: [UInt8]
        let event: [UInt8]
    }

    func element(_ index: Int) -> Element? {
        guard let version = versions[index], !version.isCreation, jobs[index] == nil,
            case .event(let event) = entries[index]
        else { return nil }
        return Element(raw: raw[index], event: event.raw)
    }

    /// The events that the stage gets.
    var events: [Event] {
        entries.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
}
