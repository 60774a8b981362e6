import JSON
import Pipeline
import Signing

/// Who wrote an event: `author` as an object with `id` and `name`, or as a name alone.
struct Author {
    /// The longest name or id that is looked up, in bytes.
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

    /// What an operator may have put into the set of banned authors.
    var labels: [String] {
        [id, name].compactMap { label in
            label.flatMap { $0.isEmpty || $0.utf8.count > Self.maxBytes ? nil : $0 }
        }
    }

    /// What the author's comments are counted under: the id, else the name. Cut, so that nobody fills memory with it.
    var account: String? {
        guard let label = id ?? name, !label.isEmpty else { return nil }
        return label.utf8.count <= Self.maxBytes
            ? label : String(decoding: label.utf8.prefix(Self.maxBytes), as: UTF8.self)
    }
}

/// What Redis knows about the authors of one batch: who is banned, and whose comments are too many.
///
/// Filled once for a batch, with the replies to two commands; then asked for each event in turn.
struct AuthorStandings {
    /// One event's author, as the moderator sees it.
    struct Standing: Equatable {
        var isBanned = false
        /// Its author had written as many comments as he may before this one.
        var isTooMany = false
    }

    /// Ids and names to look up among the banned, each once.
    let labels: [String]
    /// The comments that are counted, in order: under whom, and a number that names each, the same one when the batch is
    /// run again.
    let counted: [(account: String, key: Int64)]

    private var banned: Set<String> = []
    /// For each of those: whether it is one too many.
    private var excesses: [Bool] = []
    /// Of those, the next one to be asked for.
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
            guard isCounting, EventType.of(event.fields) == EventType.created, let account = author.account
            else { continue }
            counted.append((account, try Self.key(of: event)))
        }
        self.labels = labels
        self.counted = counted
    }

    /// Takes the reply to `SMISMEMBER`: for each of the labels, whether it is banned.
    mutating func setBanned(_ flags: [Bool]) {
        banned = Set(zip(labels, flags).lazy.filter(\.1).map(\.0))
    }

    /// Takes the reply to `tidings_rate`: for each of the counted comments, whether it is one too many.
    mutating func setExcesses(_ flags: [Bool]) {
        excesses = flags
        position = 0
    }

    /// The standing of an event's author. To be called once for each event of the batch, in order.
    mutating func standing(of fields: JSONObject) -> Standing {
        let author = Author(of: fields)
        var standing = Standing()
        if !banned.isEmpty { standing.isBanned = author.labels.contains { banned.contains($0) } }
        if EventType.of(fields) == EventType.created, author.account != nil, position < excesses.count {
            standing.isTooMany = excesses[position]
            position += 1
        }
        return standing
    }

    /// 64 bits of the SHA-256 of its bytes, which stand in the queue until it is committed.
    private static func key(of event: Event) throws(SigningError) -> Int64 {
        Int64(bitPattern: try SHA256.hash(event.raw).high)
    }
}
