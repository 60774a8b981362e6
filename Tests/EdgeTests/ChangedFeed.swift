import Store

/// A model of a channel's history in which comments are changed, as docs/contract.md describes it: at a comment's place
/// its newest content, and its latest change; what came between is gone.
struct ChangedFeed {
    /// What happens to a comment. A deletion has no text.
    struct Change {
        let comment: Int
        /// 1 for the comment as it was created, then one more with each change.
        let version: Int
        let kind: String

        /// The event as it is published. Its length depends on its version.
        var event: [UInt8] {
            let html = kind == "deleted" ? "" : ",\"html\":\"\(String(repeating: "v", count: version))\""
            let names = "\"thread\":\"t\",\"id\":\"c\(comment)\""
            return Array("{\(names),\"type\":\"comment.\(kind)\"\(html),\"v\":\(version)}".utf8)
        }
    }

    private(set) var epoch: Int64 = 1
    private(set) var floor: Int64 = 0
    /// All changes that were ever published: number n stands at index n - 1.
    private(set) var log: [Change] = []
    private(set) var items: [ChannelHistory.Item] = []
    private(set) var isClosed = false

    var last: Int64 { Int64(log.count) }

    /// The newest version of a comment among the events up to a number; 0 before it was created.
    func version(of comment: Int, upTo number: Int64) -> Int {
        log.prefix(Int(number)).last { $0.comment == comment }?.version ?? 0
    }

    /// Publishes a change of a comment and returns it with its number. A comment that is not there is created.
    mutating func publish(_ kind: String, _ comment: Int, history: Int64 = .max) -> (Int64, [UInt8]) {
        let known = version(of: comment, upTo: last)
        let change = Change(comment: comment, version: known + 1, kind: known == 0 ? "created" : kind)
        let marker = Array("\"id\":\"c\(comment)\"".utf8)
        let same = items.indices.filter { Self.contains(items[$0].event, marker) }
        if let place = same.first { items[place].event = change.event }
        for index in same.dropFirst().reversed() { items.remove(at: index) }
        log.append(change)
        items.append(ChannelHistory.Item(sequence: last, event: change.event))
        floor = max(floor, last - min(history, last))
        items.removeAll { $0.sequence <= floor }
        return (last, change.event)
    }

    func history(after sequence: Int64, limit: Int64) -> ChannelHistory {
        let from = max(sequence, last - limit, floor) + 1
        return ChannelHistory(
            epoch: epoch, born: 1000, last: last, floor: floor, items: items.filter { $0.sequence >= from },
            isComplete: last - limit <= max(sequence, floor))
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        text.indices.contains { text[$0...].starts(with: part) }
    }
}
