import JSON
import Pipeline

/// What Redis knows about the authors of one batch: who is banned, how many comments each has written lately.
///
/// Filled once for a batch, with the replies to two commands; then asked for each event in turn.
struct AuthorStandings {
    /// One event's author, as the moderator sees it.
    struct Standing: Equatable {
        var isBanned = false
        /// Comments in the current window of time, this one included. 0: not counted.
        var recentComments: Int64 = 0
    }

    /// Ids and names to look up among the banned, each once.
    let labels: [String]
    /// Authors whose comments are counted, each once, with how many this batch holds.
    let accounts: [(account: String, comments: Int64)]

    private var banned: Set<String> = []
    /// The number of the next comment of each account.
    private var next: [String: Int64] = [:]

    init(of batch: [Event]) {
        var labels: [String] = []
        var seen: Set<String> = []
        var accounts: [(account: String, comments: Int64)] = []
        var indices: [String: Int] = [:]
        for event in batch where EventType.of(event.fields) != EventType.deleted {
            let author = Author(of: event.fields)
            for label in author.labels where seen.insert(label).inserted { labels.append(label) }
            guard EventType.of(event.fields) == EventType.created, let account = author.account else { continue }
            if let index = indices[account] {
                accounts[index].comments += 1
            } else {
                indices[account] = accounts.count
                accounts.append((account, 1))
            }
        }
        self.labels = labels
        self.accounts = accounts
    }

    /// Takes the reply to `SMISMEMBER`: for each of the labels, whether it is banned.
    mutating func setBanned(_ flags: [Bool]) {
        banned = Set(zip(labels, flags).lazy.filter(\.1).map(\.0))
    }

    /// Takes the reply to `tidings_rate`: for each of the accounts, how many comments it has with those of this batch.
    mutating func setCounts(_ counts: [Int64]) {
        next = [:]
        for (entry, count) in zip(accounts, counts) { next[entry.account] = count - entry.comments + 1 }
    }

    /// The standing of an event's author. To be called once for each event of the batch, in order.
    mutating func standing(of fields: JSONObject) -> Standing {
        let author = Author(of: fields)
        var standing = Standing()
        if !banned.isEmpty { standing.isBanned = author.labels.contains { banned.contains($0) } }
        if !next.isEmpty, EventType.of(fields) == EventType.created, let account = author.account,
            let number = next[account]
        {
            standing.recentComments = number
            next[account] = number + 1
        }
        return standing
    }
}
