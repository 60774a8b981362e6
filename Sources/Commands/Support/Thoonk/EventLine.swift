import JSON
import Thoonk

/// An event of a feed as a line: what happened, to which feed, to which item.
struct EventLine {
    let raw: [[UInt8]]
    let object: JSONObject

    /// Nil for ``FeedEvent/missed(_:)``, which is no event of a feed.
    init?(_ event: FeedEvent) {
        switch event {
        case .published(let feed, let id, let item): self.init("published", feed, id, ItemOutput.member(item), item)
        case .edited(let feed, let id, let item): self.init("edited", feed, id, ItemOutput.member(item), item)
        case .retracted(let feed, let id): self.init("retracted", feed, id)
        case .moved(let feed, let id, let position):
            let words = EventLine.words(position)
            self.init("moved", feed, id, (key: "position", value: JSON.string(words)), Array(words.utf8))
        case .finished(let feed, let id, let result):
            self.init("finished", feed, id, ItemOutput.member(result, named: "result"), result)
        case .created(let feed): self.init("created", feed)
        case .deleted(let feed): self.init("deleted", feed)
        case .configured(let feed): self.init("configured", feed)
        case .missed: return nil
        }
    }

    private init(
        _ name: String, _ feed: String, _ id: String? = nil, _ member: (key: String, value: JSON)? = nil,
        _ bytes: [UInt8]? = nil
    ) {
        var object: JSONObject = ["event": .string(name), "feed": .string(feed)]
        var raw = [Array(name.utf8), Array(feed.utf8)]
        if let id {
            object["id"] = .string(id)
            raw.append(Array(id.utf8))
        }
        if let member { object[member.key] = member.value }
        if let bytes { raw.append(bytes) }
        self.object = object
        self.raw = raw
    }

    private static func words(_ position: FeedPosition) -> String {
        switch position {
        case .first: "first"
        case .last: "last"
        case .before(let other): "before \(other)"
        case .after(let other): "after \(other)"
        }
    }

    /// What is said of events that may be missing.
    static func words(_ reason: MissedReason) -> String {
        switch reason {
        case .reconnected: "the connection to Redis was lost and is there again; events in between are missing"
        case .tooSlow(let dropped): "the reader is too slow; \(dropped) events were dropped"
        }
    }
}
