/// Limits what each client may post: comments a minute, and conversations a minute that are new to it. Pure; times are
/// milliseconds on the monotonic clock.
///
/// A client's two limits are token buckets (the generic cell rate algorithm, as in ``RateLimiter``): they start full. A
/// conversation is new when it is not among the last ``threadsRemembered`` that the client has written to.
///
/// It remembers a fixed number of clients. When that is reached, a new one takes the place of the client whose buckets
/// are full soonest, out of ``sample`` that are drawn: who has just used up a limit is forgotten last. So clients that
/// come from many addresses gain little by making it forget.
struct PostLimiter<Client: Hashable> {
    /// The limits, of ``EdgeLimits``.
    struct Limits: Equatable {
        /// Comments a minute; 0: unlimited.
        var posts: Int
        /// Comments at once after a pause.
        var burst: Int
        /// New conversations a minute, and at once after a pause; 0: unlimited.
        var threads: Int
        /// Clients that are remembered.
        var clients: Int
    }

    /// Why comments were refused. Times are in milliseconds, until the same request would be taken.
    enum Refusal: Equatable {
        /// More than the burst in one request: never.
        case tooManyAtOnce
        case posts(wait: Int64)
        case threads(wait: Int64)
    }

    /// Of one client.
    private struct Account {
        var client: Client
        /// When the buckets are full again.
        var posts = 0.0
        var threads = 0.0
        /// Hashes of conversations, the oldest first.
        var recent: [UInt32] = []

        var settled: Double { max(posts, threads) }
    }

    static var threadsRemembered: Int { 32 }
    static var sample: Int { 16 }

    private var limits: Limits
    private var accounts: [Account] = []
    private var places: [Client: Int] = [:]
    private var generator: JitterGenerator
    /// How many clients were forgotten for others.
    private(set) var forgotten = 0

    init(limits: Limits, seed: UInt64) {
        self.limits = limits
        generator = JitterGenerator(seed: seed)
    }

    /// The clients that are remembered.
    var count: Int { accounts.count }

    /// Applies new limits to comments from now on. Fewer clients: those over the number are forgotten.
    mutating func adopt(_ limits: Limits) {
        self.limits = limits
        while accounts.count > limits.clients { places[accounts.removeLast().client] = nil }
    }

    /// Takes comments of one request, all or none. Refused ones are not counted.
    ///
    /// - Parameters:
    ///   - comments: how many, at least one.
    ///   - threads: their conversations, asked for when the comments themselves may pass.
    ///   - now: the time.
    ///
    /// - Returns: nil when they were taken.
    mutating func take(_ comments: Int, of client: Client, now: Int64, threads: () -> [String]) -> Refusal? {
        guard limits.posts > 0 || limits.threads > 0 else { return nil }
        let known = places[client]
        var account = known.map { accounts[$0] } ?? Account(client: client)
        if limits.posts > 0 {
            guard comments <= limits.burst else { return .tooManyAtOnce }
            let wait = Self.take(comments, from: &account.posts, rate: limits.posts, burst: limits.burst, now: now)
            if let wait { return .posts(wait: wait) }
        }
        if limits.threads > 0 {
            let fresh = Self.unknown(threads(), to: account)
            let wait = Self.take(
                fresh.count, from: &account.threads, rate: limits.threads, burst: limits.threads, now: now)
            if let wait { return fresh.count > limits.threads ? .tooManyAtOnce : .threads(wait: wait) }
            account.recent += fresh
            account.recent.removeFirst(max(0, account.recent.count - Self.threadsRemembered))
        }
        store(account, at: known)
        return nil
    }

    private static func unknown(_ threads: [String], to account: Account) -> [UInt32] {
        var fresh: [UInt32] = []
        for thread in threads {
            // The hash is seeded for each process, so nobody can construct two conversations with the same one.
            let hash = UInt32(truncatingIfNeeded: thread.hashValue)
            if !account.recent.contains(hash), !fresh.contains(hash) { fresh.append(hash) }
        }
        return fresh
    }

    private mutating func store(_ account: Account, at place: Int?) {
        if let place {
            accounts[place] = account
        } else if accounts.count < limits.clients {
            places[account.client] = accounts.count
            accounts.append(account)
        } else {
            let drawn = (0..<Self.sample).map { _ in Int.random(in: accounts.indices, using: &generator) }
            guard let oldest = drawn.min(by: { accounts[$0].settled < accounts[$1].settled }) else { return }
            forgotten += 1
            places[accounts[oldest].client] = nil
            places[account.client] = oldest
            accounts[oldest] = account
        }
    }

    /// Takes from a bucket, all or none. Returns the time until enough would be there; nil when they were taken.
    private static func take(_ count: Int, from full: inout Double, rate: Int, burst: Int, now: Int64) -> Int64? {
        let interval = 60_000 / Double(rate)
        let after = max(full, Double(now)) + interval * Double(count)
        let wait = after - Double(now) - interval * Double(burst)
        // Floating-point error, not a real shortage.
        guard wait <= 0.001 else { return Int64(wait.rounded(.up)) }
        full = after
        return nil
    }
}
