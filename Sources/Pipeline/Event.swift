public import JSON
package import Store

/// One event on its way through the pipeline: a JSON object.
public struct Event: Sendable {
    /// The members, in their order. A stage changes them in place.
    public var fields: JSONObject {
        didSet { isChanged = true }
    }

    /// The bytes that stood in the queue, without what the pipeline puts in front of them. They are handed on as they are
    /// when no stage has changed `fields`.
    public var raw: [UInt8] {
        start == 0 ? element : [UInt8(ascii: "{")] + element[start...]
    }

    /// How many bytes ``raw`` has.
    package var size: Int { start == 0 ? element.count : element.count - start + 1 }

    /// Who sent the event. Stages read it; the commit hands it on.
    package let sender: Sender

    /// The element of the queue, and where the event's own members begin in it; see ``LeadingMembers/end``.
    let element: [UInt8]
    let start: Int

    /// Identifies the repeats of this event. A stage that wants repeats dropped sets it: the commit drops the event when
    /// the same key was committed lately in this partition. At most 64 bytes. See ``Stage/duplicates``.
    public var duplicateKey: [UInt8]?

    private(set) var isChanged = false

    /// The limits that have left out something of the event, for ``countLimit(_:)``.
    private(set) var limits: [String] = []

    public init(fields: JSONObject, raw: [UInt8]) {
        self.init(fields: fields, element: raw, start: 0, sender: .app)
    }

    /// An event that somebody else than the web app has sent.
    package init(fields: JSONObject, raw: [UInt8], sender: Sender) {
        self.init(fields: fields, element: raw, start: 0, sender: sender)
    }

    init(fields: JSONObject, element: [UInt8], start: Int, sender: Sender) {
        self.fields = fields
        self.element = element
        self.start = start
        self.sender = sender
    }

    /// Notes that a limit has left out something of the event: the commit counts it in the lane's hash as `limited:NAME`.
    public mutating func countLimit(_ name: String) {
        limits.append(name)
    }

    /// The bytes to hand on.
    public var bytes: [UInt8] {
        isChanged ? fields.bytes : raw
    }

    /// The same with members of the pipeline in front.
    ///
    /// - Parameter opening: a brace and these members, without a comma behind them.
    func bytes(behind opening: [UInt8]) -> [UInt8] {
        guard opening.count > 1 else { return bytes }
        var result: [UInt8] = []
        if isChanged {
            result.reserveCapacity(opening.count + size + size / 2)
            result += opening
            if !fields.isEmpty { result.append(UInt8(ascii: ",")) }
            fields.writeMembers(into: &result)
            result.append(UInt8(ascii: "}"))
            return result
        }
        guard element.first == UInt8(ascii: "{") else { return element }
        let members = element[max(start, 1)...].drop { $0 == 0x20 || (9...13).contains($0) }
        result.reserveCapacity(opening.count + members.count + 1)
        result += opening
        if members.first != UInt8(ascii: "}") { result.append(UInt8(ascii: ",")) }
        result += members
        return result
    }
}

/// The events that a lane works on, from the peek to the commit, and what the stage decided about them.
struct Batch {
    /// The elements as they stood in the queue, head first.
    let raw: [[UInt8]]
    /// Each element parsed, or the reason why it is no event.
    let entries: [Entry]
    /// What the pipeline has put in front of each.
    let members: [LeadingMembers]
    /// What the stage decided about the first so many entries.
    var decisions: [Disposition] = []

    enum Entry {
        case event(Event)
        case unreadable(reason: String)
    }

    init(raw: [[UInt8]], parser: JSONParser) {
        self.raw = raw
        var entries: [Entry] = []
        var members: [LeadingMembers] = []
        entries.reserveCapacity(raw.count)
        members.reserveCapacity(raw.count)
        for element in raw {
            let leading = LeadingMembers(of: element, parser: parser)
            entries.append(Batch.entry(element, leading, parser))
            members.append(leading)
        }
        self.entries = entries
        self.members = members
    }

    private static func entry(_ element: [UInt8], _ leading: LeadingMembers, _ parser: JSONParser) -> Entry {
        if leading.hasForeignSender {
            return .unreadable(
                reason: "`_by` names no sender: expected \"app\", \"u:SUB\", \"m:SUB\" or \"k:FINGERPRINT\"")
        }
        do throws(JSONError) {
            let fields =
                leading.end == 0
                ? try parser.parseObject(element) : try parser.parseObject(element, membersFrom: leading.end)
            var event = Event(fields: fields, element: element, start: leading.end, sender: leading.sender)
            if leading.version?.isCreation == true { event.fields["type"] = .string(EventType.created) }
            return .event(event)
        } catch {
            return .unreadable(reason: "not a JSON object: \(error.message)")
        }
    }

    /// The events that the stage gets.
    var events: [Event] {
        entries.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
}
