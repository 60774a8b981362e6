package import JSON

/// What the pipeline puts in front of an event's own members: `{"_job":[…],"_v":"…","_by":"…",…`.
///
/// The job that the event came from, its version, and who sent it. They are cut off in one pass when a batch is read and
/// put back when a commit hands the event on, so no stage and no reader sees them, and none can lose or change them. The
/// event's own members are not copied: they stay where they stand in the element of the queue.
package struct LeadingMembers {
    package private(set) var job: JobTicket?
    package private(set) var version: EventVersion?
    package private(set) var sender = Sender.app
    /// `_by` stands there and names no sender.
    package private(set) var hasForeignSender = false
    /// Where the event's own members begin in the element, behind a comma, or its closing brace is; 0: nothing of ours
    /// stands before them.
    package private(set) var end = 0

    /// The sender as it stands in the element, without quotes. Empty for the app.
    private var senderWords: ArraySlice<UInt8> = []
    private var hasSender = false

    package init() {}

    /// The members' names: no member of an event's own may be called so.
    package static let names = ["_job", "_v", "_by"]

    private static let jobKey = [UInt8](#""_job":["#.utf8)
    private static let versionKey = [UInt8](#""_v":""#.utf8)
    private static let senderKey = [UInt8](#""_by":"#.utf8)

    /// Reads what stands in front. Of two members with one name the first counts. What is none of ours ends the part.
    ///
    /// - Parameter parser: for a sender with escapes, which are rare.
    package init(of element: [UInt8], parser: JSONParser) {
        guard element.count > 4, element[0] == UInt8(ascii: "{"), element[2] == UInt8(ascii: "_") else { return }
        var at = 1
        while at < element.count, let next = read(element, at, parser) {
            end = next
            at = next
            while at < element.count, element[at] == 0x20 { at += 1 }
            guard at < element.count, element[at] == UInt8(ascii: ",") else { break }
            at += 1
            end = at
            while at < element.count, element[at] == 0x20 { at += 1 }
        }
    }

    /// Reads the member that begins at `start`. Gives where its value ends; nil when it is none of ours.
    private mutating func read(_ element: [UInt8], _ start: Int, _ parser: JSONParser) -> Int? {
        guard start + 4 < element.count else { return nil }
        switch element[start + 2] {
        case UInt8(ascii: "v"):
            guard LeadingMembers.has(element, LeadingMembers.versionKey, at: start) else { return nil }
            let from = start + LeadingMembers.versionKey.count
            guard let (read, end) = EventVersion.read(element, from: from) else { return nil }
            version = version ?? read
            return end
        case UInt8(ascii: "b"):
            guard LeadingMembers.has(element, LeadingMembers.senderKey, at: start) else { return nil }
            return readSender(element, start + LeadingMembers.senderKey.count, parser)
        case UInt8(ascii: "j"):
            guard LeadingMembers.has(element, LeadingMembers.jobKey, at: start),
                let (read, end) = JobTicket.read(element, from: start + LeadingMembers.jobKey.count - 1)
            else { return nil }
            job = job ?? read
            return end
        default: return nil
        }
    }

    private mutating func readSender(_ element: [UInt8], _ start: Int, _ parser: JSONParser) -> Int? {
        var from = start
        while from < element.count, element[from] == 0x20 { from += 1 }
        guard from < element.count, element[from] == UInt8(ascii: "\"") else {
            hasForeignSender = true
            return nil
        }
        from += 1
        var index = from
        var isEscaped = false
        while index < element.count, element[index] != UInt8(ascii: "\"") {
            if element[index] == UInt8(ascii: "\\") {
                isEscaped = true
                index += 1
            }
            index += 1
        }
        guard index < element.count else { return nil }
        let words = element[from..<index]
        guard !hasSender else { return index + 1 }
        hasSender = true
        let text: String? =
            if words.count > Sender.maxEscapedBytes {
                nil
            } else if isEscaped {
                (try? parser.parse(Array(element[(from - 1)...index])))?.string
            } else {
                String(validating: words, as: UTF8.self)
            }
        if let sender = text.flatMap({ Sender($0) }) {
            self.sender = sender
            if !sender.isApp { senderWords = words }
        } else {
            hasForeignSender = true
        }
        return index + 1
    }

    private static func has(_ element: [UInt8], _ key: [UInt8], at start: Int) -> Bool {
        guard start + key.count <= element.count else { return false }
        for index in key.indices where element[start + index] != key[index] { return false }
        return true
    }

    /// Puts a sender in front of an event, which was written without white space and has members, but none of ours. The
    /// web app's events have no such member.
    package static func stamp(_ event: [UInt8], with sender: Sender) -> [UInt8] {
        if sender.isApp { return event }
        return [UInt8(ascii: "{")] + senderKey + [UInt8(ascii: "\"")] + sender.escaped + Array(#"","#.utf8)
            + event.dropFirst()
    }

    /// What stands in front of an event that is handed on: a brace and these members, without a comma behind them.
    ///
    /// - Parameters:
    ///   - version: the event's own, or the one that it is given.
    ///   - withJob: of several events that one became, the last one carries the job.
    package func opening(version: EventVersion?, withJob: Bool = true) -> [UInt8] {
        let job = withJob ? self.job : nil
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + (version?.text.count ?? 0) + senderWords.count + (job?.array.count ?? 0))
        bytes.append(UInt8(ascii: "{"))
        if let job {
            bytes += LeadingMembers.jobKey.dropLast()
            bytes += job.array
        }
        if let version {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += LeadingMembers.versionKey
            bytes += version.text
            bytes.append(UInt8(ascii: "\""))
        }
        if !senderWords.isEmpty {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += LeadingMembers.senderKey
            bytes.append(UInt8(ascii: "\""))
            bytes += senderWords
            bytes.append(UInt8(ascii: "\""))
        }
        return bytes
    }
}
