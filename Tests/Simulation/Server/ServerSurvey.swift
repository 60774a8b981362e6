import Redis

/// What a server holds of a pipeline and of its feeds, kept up to date: the server tells which keys changed (client
/// tracking), and only those are read again.
struct ServerSurvey {
    /// What is kept of a key.
    enum Content {
        /// The last number of the feed of this name.
        case last(Int64, of: String)
        case feed(born: Int64, floor: Int64)
        case items([Int64: Int])
        /// A stage's counts of dropped events by reason, and whether an operator paused it.
        case lane(dropped: [String: Int], isPaused: Bool)
        /// The numbers of events.
        case list([Int])
        case fields([String: String])
        case members(Set<String>)
    }

    /// What is read of a key, and how: words of the script.
    private enum Kind: String {
        case last, feed, items, lane, list, fields, members
    }

    private struct Entry {
        var content: Content
        /// When the key expires, in milliseconds since 1970 by the server's clock.
        var expires: Int64

        /// Expired keys are gone for everybody, whether the server has removed them or not.
        func isAlive(at time: Int64) -> Bool { time <= expires }
    }

    /// The pipeline's name.
    private let pipeline: String
    private var entries: [String: Entry] = [:]
    /// What is known of the names of keys: most are of no interest.
    private var kinds: [String: Kind?] = [:]
    /// Keys that were changed since they were read.
    private var changed: Set<String> = []
    /// Nothing that is known holds any longer.
    private var hasToReadAll = true

    init(of pipeline: String) {
        self.pipeline = pipeline
    }

    // MARK: Changes

    /// The server was emptied, restarted, or has other data than before.
    mutating func forget() {
        hasToReadAll = true
        changed = []
    }

    /// Takes a message of the server about changed keys; null: all data are gone.
    mutating func take(invalidation keys: RedisValue) {
        guard let keys = keys.array else { return forget() }
        for key in keys.compactMap(\.text) where kind(of: key) != nil { changed.insert(key) }
    }

    /// Reads what has changed.
    ///
    /// - Parameter script: the hash of ``script``, which the server knows.
    /// - Returns: whether anything had changed.
    mutating func refresh(_ socket: ServerSocket, script: String) -> Bool {
        if hasToReadAll {
            (entries, kinds, hasToReadAll) = ([:], [:], false)
            let names = Self.require(socket.call(RedisCommand("KEYS", "*"))).array ?? []
            changed = Set(names.compactMap(\.text).filter { kind(of: $0) != nil })
            read(socket, script)
            return true
        }
        guard !changed.isEmpty else { return false }
        read(socket, script)
        return true
    }

    /// Whether a key expires between two moments of the server's clock, whichever is the earlier.
    func hasExpiry(between one: Int64, and other: Int64) -> Bool {
        one != other && entries.values.contains { $0.isAlive(at: one) != $0.isAlive(at: other) }
    }

    private mutating func read(_ socket: ServerSocket, _ script: String) {
        let keys = changed.sorted()
        changed = []
        guard !keys.isEmpty else { return }
        var command = RedisCommand("EVALSHA", script, String(keys.count))
        for key in keys { command.append(key) }
        for key in keys { command.append(kind(of: key)?.rawValue ?? "") }
        let answers = Self.require(socket.call(command)).array ?? []
        for (key, answer) in zip(keys, answers) { entries[key] = entry(key, answer.array ?? []) }
    }

    private static func require(_ reply: Result<RedisValue, RedisError>) -> RedisValue {
        guard case .success(let value) = reply else { fatalError("the server's data cannot be read: \(reply)") }
        return value
    }

    private mutating func kind(of key: String) -> Kind? {
        if let known = kinds[key] { return known }
        let kind = findKind(of: key)
        kinds[key] = .some(kind)
        return kind
    }

    private func findKind(of key: String) -> Kind? {
        if key.hasPrefix(Self.lastPrefix) { return .last }
        if key.hasPrefix(Self.feedPrefix) { return .feed }
        if key.hasPrefix(Self.itemsPrefix) { return .items }
        guard key.contains(pipeline) else { return nil }
        if key.hasSuffix(":epoch") || key == "\(pipeline):config" { return .fields }
        if key == "\(pipeline):former" { return .members }
        if key.contains(":lane:") { return .lane }
        let isList =
            key.contains(":queue:") || key.contains(":dead:") || key.contains(":held:") || key.hasSuffix(":incoming")
        return isList ? .list : nil
    }

    private static let lastPrefix = "feed.publishes:"
    private static let feedPrefix = "feed.config:"
    private static let itemsPrefix = "feed.items:"
    /// Stands among the reasons of a lane that is paused.
    private static let paused = ":paused"

    /// What the script told of a key; nil when there is none.
    private mutating func entry(_ key: String, _ answer: [RedisValue]) -> Entry? {
        guard answer.count == 2, let expires = answer[0].integer, let kind = kind(of: key) else { return nil }
        let parts = answer[1].array ?? []
        let content: Content
        switch kind {
        case .last: content = .last(answer[1].integer ?? 0, of: String(key.dropFirst(Self.lastPrefix.count)))
        case .feed: content = .feed(born: parts.first?.integer ?? 0, floor: parts.last?.integer ?? 0)
        case .items:
            content = .items(
                Dictionary(Self.pairs(parts).map { ($0.integer ?? -1, Int($1.integer ?? -1)) }) { $1 })
        case .lane:
            var dropped: [String: Int] = [:]
            var isPaused = false
            for (field, value) in Self.pairs(parts) {
                let count = Int(value.integer ?? 0)
                if field.text == Self.paused { isPaused = true } else { dropped[field.text ?? "", default: 0] += count }
            }
            content = .lane(dropped: dropped, isPaused: isPaused)
        case .list: content = .list(parts.map { Int($0.integer ?? -1) })
        case .fields:
            content = .fields(
                Dictionary(Self.pairs(parts).map { ($0.text ?? "", $1.text ?? "") }) { $1 })
        case .members: content = .members(Set(parts.compactMap(\.text)))
        }
        return Entry(content: content, expires: expires < 0 ? .max : expires)
    }

    private static func pairs(_ parts: [RedisValue]) -> [(RedisValue, RedisValue)] {
        stride(from: 0, to: parts.count - 1, by: 2).map { (parts[$0], parts[$0 + 1]) }
    }

    // MARK: The result

    /// The data at a moment of the server's clock.
    ///
    /// - Parameters:
    ///   - epoch: the key of the epoch and the shape.
    ///   - config: the key of the configuration.
    func snapshot(at time: Int64, epoch: String, config: String) -> ServerSnapshot {
        var snapshot = ServerSnapshot()
        snapshot.serverTime = time
        for (key, entry) in entries where entry.isAlive(at: time) {
            switch entry.content {
            case .last(let last, let feed):
                snapshot.feeds[String(feed.dropFirst().dropLast())] = self.feed(feed, last: last, at: time)
            case .lane(let dropped, let isPaused):
                snapshot.dropped.merge(dropped, uniquingKeysWith: +)
                if isPaused, let stage = key.split(separator: ":").last { snapshot.paused.insert(String(stage)) }
            case .list(let numbers):
                if key.contains(":dead:") {
                    snapshot.dead[key] = numbers
                } else if key.contains(":held:") {
                    snapshot.held[key] = numbers
                } else {
                    snapshot.queues[key] = numbers
                }
            case .fields(let fields) where key == epoch:
                snapshot.epoch = fields["number"].flatMap { Int64($0) }
                snapshot.shape = fields["shape"]
            case .fields(let fields) where key == config: snapshot.configuration = fields
            case .members(let members): snapshot.former = members
            case .feed, .items, .fields: break
            }
        }
        return snapshot
    }

    private func feed(_ name: String, last: Int64, at time: Int64) -> ServerSnapshot.Feed {
        var feed = ServerSnapshot.Feed(born: 0, last: last, floor: 0, items: [:])
        if let entry = entries[Self.feedPrefix + name], entry.isAlive(at: time),
            case .feed(let born, let floor) = entry.content
        {
            (feed.born, feed.floor) = (born, floor)
        }
        if let entry = entries[Self.itemsPrefix + name], entry.isAlive(at: time),
            case .items(let items) = entry.content
        {
            feed.items = items
        }
        return feed
    }

    // MARK: At the server

    /// Answers for each key when it expires (-1: never) and what is kept of it, or -2 alone where there is none. An event's
    /// number is its member `n`, or `event_id`; -1 where it has none.
    static let script = #"""
        local function number(text)
          return tonumber(string.match(text, '"n":(%d+)') or string.match(text, '"event_id":(%d+)') or -1)
        end
        local function add(target, key, value) target[#target + 1] = key; target[#target + 1] = value end
        local readers = {}
        function readers.last(key) return tonumber(redis.call('GET', key)) end
        function readers.feed(key)
          local config = redis.call('HMGET', key, 'born', 'floor')
          return { tonumber(config[1] or 0), tonumber(config[2] or 0) }
        end
        function readers.items(key)
          local flat, items = redis.call('HGETALL', key), {}
          for index = 1, #flat, 2 do add(items, tonumber(flat[index]) or -1, number(flat[index + 1])) end
          return items
        end
        function readers.lane(key)
          local flat, counts = redis.call('HGETALL', key), {}
          for index = 1, #flat, 2 do
            local reason = string.match(flat[index], '^dropped:(.*)$') or string.match(flat[index], '^held:(superseded)$')
            if reason then add(counts, reason, tonumber(flat[index + 1]))
            elseif flat[index] == 'paused' and flat[index + 1] == '1' then add(counts, ':paused', 1) end
          end
          return counts
        end
        function readers.list(key)
          local numbers = {}
          for _, event in ipairs(redis.call('LRANGE', key, 0, -1)) do numbers[#numbers + 1] = number(event) end
          return numbers
        end
        function readers.fields(key) return redis.call('HGETALL', key) end
        function readers.members(key) return redis.call('SMEMBERS', key) end
        local answers = {}
        for index, key in ipairs(KEYS) do
          local expires, kind = redis.call('PEXPIRETIME', key), ARGV[index]
          if expires == -2 or kind == 'list' and redis.call('TYPE', key).ok ~= 'list' then
            answers[index] = { -2 }
          else
            answers[index] = { expires, readers[kind](key) }
          end
        end
        return answers
        """#
}
