package import Pipeline
import Redis
import Store
import Thoonk

/// What `--fix` can do: each of these loses nothing, also when the pipeline runs meanwhile.
package enum Repair: Hashable {
    /// Loads the function library.
    case loadFunctions
    /// Ends the leases of owners that are dead. Should one of them come back, its commits are fenced.
    case endLeases(pipeline: String, owners: [String])
    /// Removes heartbeats that are older than a time, in ms.
    case removeHeartbeats(key: String, before: Int64)
    /// Removes one heartbeat. A process that lives after all beats again within seconds.
    case removeHeartbeat(key: String, id: String)
    /// Takes a feed without keys out of `feeds`.
    case unlistFeed(String)
    /// Puts a feed that has keys into `feeds`, so that it is found, and cleared when idle.
    case listFeed(String)
    /// Changes a setting of the running server, and its file where it has one.
    case set(name: String, value: String)

    /// What it is in a list of what --fix would do: "load the functions".
    package var plan: String { "\(words.verb) \(words.object)" }

    /// What it is once it is done: "loaded the functions".
    package var title: String { "\(words.past) \(words.object)" }

    private var words: (verb: String, past: String, object: String) {
        switch self {
        case .loadFunctions: ("load", "loaded", "the functions")
        case .endLeases(_, let owners): ("end", "ended", "the leases of \(owners.joined(separator: ", "))")
        case .removeHeartbeats(let key, _): ("remove", "removed", "old heartbeats from \(key)")
        case .removeHeartbeat(let key, let id): ("remove", "removed", "\(id) from \(key)")
        case .unlistFeed(let feed): ("remove", "removed", "\(feed) from feeds")
        case .listFeed(let feed): ("add", "added", "\(feed) to feeds")
        case .set(let name, let value): ("set", "set", "\(name) to \(value)")
        }
    }
}

/// What became of a repair.
package struct RepairResult {
    package let repair: Repair
    /// Nil: done. Otherwise why not.
    package let failure: String?
    /// What the operator still has to do.
    package let remark: String?
}

/// Does what `--fix` may do.
package struct Repairer {
    private let client: BlockingRedis

    package init(client: BlockingRedis) {
        self.client = client
    }

    /// Does each repair once, in this order. When one fails, the others are done all the same.
    ///
    /// - Throws: ``RedisError`` when the connection breaks.
    package func perform(_ repairs: [Repair]) throws -> [RepairResult] {
        var done: Set<Repair> = []
        return try repairs.filter { done.insert($0).inserted }.map { repair in
            do {
                return RepairResult(repair: repair, failure: nil, remark: try perform(repair))
            } catch let error as RedisError where !error.isUnanswered {
                return RepairResult(repair: repair, failure: error.message, remark: nil)
            }
        }
    }

    /// - Returns: what the operator still has to do.
    private func perform(_ repair: Repair) throws -> String? {
        switch repair {
        case .loadFunctions:
            try client.wait { FunctionLibrary.tidings.ensureLoaded(on: client.connection, completion: $0) }
        case .endLeases(let pipeline, let owners):
            // Silence is no death that was seen: it speaks against no event.
            for owner in owners { try client.call(.leave(pipeline: pipeline, process: owner, .unknown)) }
        case .removeHeartbeats(let key, let time):
            _ = try client.call("ZREMRANGEBYSCORE", key, "-inf", "(\(time)")
        case .removeHeartbeat(let key, let id):
            _ = try client.call("ZREM", key, id)
        case .unlistFeed(let feed):
            // In one step: a feed that is made at this moment stays.
            let script = """
                if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5]) == 0 then
                  return redis.call('SREM', KEYS[1], ARGV[1])
                end
                return 0
                """
            let keys = FeedFacts.keyPrefixes.map { $0 + feed }
            _ = try client.call(RedisCommand(words: ["EVAL", script, "5", "feeds"] + keys + [feed]))
        case .listFeed(let feed):
            let script = """
                if redis.call('EXISTS', KEYS[2]) == 1 then return redis.call('SADD', KEYS[1], ARGV[1]) end
                return 0
                """
            _ = try client.call("EVAL", script, "2", "feeds", "feed.config:\(feed)", feed)
        case .set(let name, let value):
            return try set(name, to: value)
        }
        return nil
    }

    private func set(_ name: String, to value: String) throws -> String? {
        _ = try client.call("CONFIG", "SET", name, value)
        do {
            _ = try client.call("CONFIG", "REWRITE")
            return nil
        } catch let error as RedisError where !error.isUnanswered {
            return "until Redis restarts; write '\(name) \(value)' into redis.conf (\(error.message))"
        }
    }
}
