import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings feed tail`: prints the events of feeds as they happen.
struct FeedTail: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow feeds: print their events until Ctrl-C.",
        discussion: """
            Examples:
              tidings feed tail news
              tidings feed tail --json | jq -r 'select(.event == "finished") | .result'

            A line has the event, the feed, the item's id, and the item or its position, separated by tabs. Events are \
            published, edited, retracted, moved, finished (a job, with its result), created, deleted and configured. It \
            reconnects by itself; a line on standard error says where events may be missing. For earlier items use \
            'feed get'.
            """)
    static let endsInOrder = true

    @Argument(help: "Feeds. (default: all, including those created later)") var names: [String] = []
    @Flag(
        name: .long,
        help: "Print one JSON object a line: event, feed, id, item or result (base64 when it is no UTF-8), position.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        let events = try await names.isEmpty ? client.events() : client.events(of: names)
        var output = ItemOutput(json: json)
        do {
            for await event in events {
                guard let line = FeedEventLine(event) else {
                    if case .missed(let reason) = event {
                        Terminal.writeError("tidings: \(FeedEventLine.words(reason))\n")
                    }
                    continue
                }
                try output.line(raw: line.raw, line.object)
                try output.flush()
            }
        } catch let failure as ItemOutput.Failure where failure.isClosed {
            // The reader has gone, as in `tail -f FILE | head`: no error.
            return
        }
    }
}

/// An event of a feed as a line of output: the event, the feed, the item.
struct FeedEventLine {
    let raw: [[UInt8]]
    let object: JSONObject

    /// Nil for ``FeedEvent/missed(_:)``, which is not an event of a feed.
    init?(_ event: FeedEvent) {
        switch event {
        case .published(let feed, let id, let item): self.init("published", feed, id, ItemOutput.member(item), item)
        case .edited(let feed, let id, let item): self.init("edited", feed, id, ItemOutput.member(item), item)
        case .retracted(let feed, let id): self.init("retracted", feed, id)
        case .moved(let feed, let id, let position):
            let words = FeedEventLine.words(position)
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

    /// The message for events that may be missing.
    static func words(_ reason: MissedReason) -> String {
        switch reason {
        case .reconnected: "the connection to Redis was lost and restored; events in between are missing"
        case .tooSlow(let dropped): "the reader is too slow; \(dropped) events were dropped"
        }
    }
}
