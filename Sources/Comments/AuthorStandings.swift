import JSON
import Pipeline
import Signing
import Store

/// The author of an event: its member `author`, an object with `id` and `name`, or only a name.
struct Author {
    /// Longer names and ids are not looked up, in bytes.
    static let maxBytes = 200

    let id: String?
    let name: String?

    init(of fields: JSONObject) {
        switch fields["author"] {
        case .object(let author):
            id = ChannelName.part(author["id"])
            name = author["name"]?.string
        case .string(let text):
            id = nil
            name = text
        default:
            id = nil
            name = nil
        }
    }

    /// The id and the name, each of which an operator may have put into the set of banned authors.
    var labels: [String] {
        [id, name].compactMap { label in
            label.flatMap { $0.isEmpty || $0.utf8.count > Self.maxBytes ? nil : $0 }
        }
    }

    /// The key under which the comments of an author are counted whom the web app names: the id, else the name. Cut to ``maxBytes``, which bounds
    /// the memory that a long name takes.
    var account: String? {
        guard let label = id ?? name, !label.isEmpty else { return nil }
        return label.utf8.count <= Self.maxBytes
            ? label : String(decoding: label.utf8.prefix(Self.maxBytes), as: UTF8.self)
    }
}

/// What Redis knows about the authors of one batch: which are banned, and which have reached their rate limit.
///
/// Filled once for a batch, with the replies to two commands; then read once for each event, in order.
struct AuthorStandings {
    /// What the moderator has to know about one event's author.
    struct Standing: Equatable {
        var isBanned = false
        /// The author had reached the rate limit before this comment.
        var isTooMany = false
    }

    /// The ids and names to look up in the set of banned authors, each once.
    let labels: [String]
    /// The comments to count, in order: the author's account, and a key of the comment that is the same when the batch
    /// runs again.
    let counted: [(account: String, key: Int64)]

    private var banned: Set<String> = []
    /// For each element of ``counted``: whether it exceeds the limit.
    private var excesses: [Bool] = []
    /// The index in `excesses` that the next counted comment reads.
    private var position = 0

    /// Nobody's.
    init() {
        labels = []
        counted = []
    }

    /// - Parameter isCounting: whether comments are counted; else they need no number.
    /// - Throws: ``SigningError/Code/library``.
    init(of batch: [Event], isCounting: Bool = true) throws(SigningError) {
        var labels: [String] = []
        var seen: Set<String> = []
        var counted: [(account: String, key: Int64)] = []
        for event in batch where EventType.of(event.fields) != EventType.deleted {
            let author = Author(of: event.fields)
            for label in author.labels where seen.insert(label).inserted { labels.append(label) }
            guard isCounting, EventType.of(event.fields) == EventType.created,
                let account = Self.account(of: event, author)
            else { continue }
            counted.append((account, try Self.key(of: event)))
        }
        self.labels = labels
        self.counted = counted
    }

    /// Stores the reply to `SMISMEMBER`: for each of the labels, whether it is banned.
    mutating func setBanned(_ flags: [Bool]) {
        banned = Set(zip(labels, flags).lazy.filter(\.1).map(\.0))
    }

    /// Stores the reply to `tidings_rate`: for each of the counted comments, whether it exceeds the limit.
    mutating func setExcesses(_ flags: [Bool]) {
        excesses = flags
        position = 0
    }

    /// The standing of an event's author. Call it once for each event of the batch, in order.
    mutating func standing(of event: Event) -> Standing {
        let fields = event.fields
        let author = Author(of: fields)
        var standing = Standing()
        if !banned.isEmpty { standing.isBanned = author.labels.contains { banned.contains($0) } }
        if EventType.of(fields) == EventType.created, Self.account(of: event, author) != nil,
            position < excesses.count
        {
            standing.isTooMany = excesses[position]
            position += 1
        }
        return standing
    }

    /// The key under which a comment is counted: the person whose token sent it, whatever author it names; else the author
    /// that it names. The holder of an edit key is no person: who has none gets a new one with each request, and the edge
    /// limits them by address.
    private static func account(of event: Event, _ author: Author) -> String? {
        event.sender.isPerson ? event.sender.owner : author.account
    }

    /// 64 bits of the SHA-256 of the event's bytes, which stay the same until the event leaves the queue.
    private static func key(of event: Event) throws(SigningError) -> Int64 {
        Int64(bitPattern: try SHA256.hash(event.raw).high)
    }
}
