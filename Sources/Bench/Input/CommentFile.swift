import Console
import JSON
import Pipeline
import Store

/// Events from a file, one JSON object a line, over and over.
///
/// From the second time on they get fresh ids, or they would be dropped as repeats: `id`, `parent` and `event_id` get
/// the number of the round behind them, so an edit still means the comment of its own round. Threads stay, those
/// excepted that the file closes: their next round is a thread of its own. An event without an `event_id` gets one.
package struct CommentFile: CommentSource {
    package let path: String
    private let events: [JSONObject]
    /// The conversations that an event of the file closes.
    private let closed: Set<String>
    private var index = 0

    /// - Throws: ``CommandError`` that names the line that is no event.
    package init(path: String) throws {
        guard let text = BenchFiles.read(path) else { throw CommandError("cannot read \(path)", exitCode: 2) }
        try self.init(path: path, text: text)
    }

    init(path: String, text: String) throws {
        self.path = path
        var events: [JSONObject] = []
        var closed: Set<String> = []
        let parser = JSONParser(maxBytes: 1 << 20)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy(\.isWhitespace) { continue }
            let fields: JSONObject
            do throws(JSONError) {
                fields = try parser.parseObject(Array(line.utf8))
            } catch {
                throw CommandError("\(path), line \(number + 1): \(error.message)", exitCode: 2)
            }
            guard let thread = ConversationKey.conversation(of: fields) else {
                throw CommandError("\(path), line \(number + 1): `thread` is missing", exitCode: 2)
            }
            if fields["type"]?.string == "thread.closed" { closed.insert(thread) }
            events.append(fields)
        }
        guard !events.isEmpty else { throw CommandError("\(path) has no events", exitCode: 2) }
        self.events = events
        self.closed = closed
    }

    package var count: Int { events.count }

    package mutating func next() -> LoadComment {
        defer { index += 1 }
        var fields = events[index % events.count]
        let round = index / events.count
        var thread = ConversationKey.conversation(of: fields) ?? ""
        var eventID = ConversationKey.name(fields["event_id"]) ?? "bench-\(index)"
        if round > 0 {
            for member in ["id", "parent"] {
                if let name = ConversationKey.name(fields[member]) { fields[member] = .string("\(name)-\(round)") }
            }
            if fields["event_id"] != nil { eventID += "-\(round)" }
            if closed.contains(thread) {
                thread += "-\(round)"
                fields["thread"] = .string(thread)
            }
        }
        fields["event_id"] = .string(eventID)
        return LoadComment(thread: thread, eventID: eventID, bytes: Array(JSON.object(fields).text.utf8))
    }
}
