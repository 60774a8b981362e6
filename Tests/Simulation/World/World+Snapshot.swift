import JSON
import Redis
import Store

/// What the server holds, read without a part in it.
extension World {
    package func snapshot() -> ServerSnapshot {
        var snapshot = ServerSnapshot()
        snapshot.serverTime = World.dayStart + now + clockOffset
        snapshot.configuration = hash("\(World.pipeline):config")
        let epoch = Int64(text("HGET", layout.epoch, "number") ?? "") ?? 0
        for key in keys("feed.publishes:*") {
            let feed = String(key.dropFirst("feed.publishes:".count))
            snapshot.feeds[String(feed.dropFirst().dropLast())] = readFeed(feed, epoch)
        }
        for key in keys("*\(World.pipeline)*") {
            let waiting = { self.list(key).map { self.number(of: $0) ?? -1 } }
            if key.hasSuffix(":incoming") && !key.contains(":lane:") || key.contains(":queue:") {
                snapshot.queues[key] = waiting()
            } else if key.contains(":dead:") {
                snapshot.dead[key] = letters(key)
            } else if key.contains(":held:") {
                snapshot.held[key] = letters(key)
            } else if key.contains(":lane:") {
                readLane(key, into: &snapshot)
            }
        }
        return snapshot
    }

    private func readFeed(_ feed: String, _ epoch: Int64) -> ServerSnapshot.Feed {
        let config = hash("feed.config:" + feed)
        var items: [Int64: Int] = [:]
        for (id, event) in pairs("feed.items:" + feed) {
            if let sequence = Int64(id) { items[sequence] = number(of: event) ?? -1 }
        }
        return ServerSnapshot.Feed(
            epoch: epoch, born: Int64(config["born"] ?? "") ?? 0,
            last: Int64(text("GET", "feed.publishes:" + feed) ?? "") ?? 0, floor: Int64(config["floor"] ?? "") ?? 0,
            items: items)
    }

    private func readLane(_ key: String, into snapshot: inout ServerSnapshot) {
        for (field, value) in hash(key) {
            if field == "paused", value == "1", let stage = key.split(separator: ":").last {
                snapshot.paused.insert(String(stage))
            }
            guard field.hasPrefix("dropped:"), let count = Int(value) else { continue }
            snapshot.dropped[String(field.dropFirst("dropped:".count)), default: 0] += count
        }
    }

    private func letters(_ key: String) -> [Int] {
        list(key).map { raw in
            (try? parser.parseObject(raw)).flatMap { number(of: SetAsideEvent($0).event) } ?? -1
        }
    }

    private func keys(_ pattern: String) -> [String] {
        guard case .success(let value) = server.call("KEYS", pattern) else { return [] }
        return (value.array ?? []).compactMap(\.text).sorted()
    }

    private func text(_ words: String...) -> String? {
        guard case .success(let value) = server.control.call(RedisCommand(words: words)) else { return nil }
        return value.text
    }

    private func hash(_ key: String) -> [String: String] {
        Dictionary(pairs(key).map { ($0, String(decoding: $1, as: UTF8.self)) }, uniquingKeysWith: { $1 })
    }

    private func pairs(_ key: String) -> [(String, [UInt8])] {
        guard case .success(let value) = server.call("HGETALL", key) else { return [] }
        let parts = (value.array ?? []).compactMap(\.bytes)
        return stride(from: 0, to: parts.count - 1, by: 2).map {
            (String(decoding: parts[$0], as: UTF8.self), parts[$0 + 1])
        }
    }
}
