package import Pipeline
import Redis
import Store

/// Does what `--fix` may do.
package struct Repairer {
    /// What became of a repair.
    package struct Outcome {
        package let repair: Repair
        /// Nil: done. Otherwise why not.
        package let failure: String?
        /// What the operator still has to do.
        package let remark: String?
    }

    package let client: BlockingRedis

    package init(client: BlockingRedis) {
        self.client = client
    }

    /// Does each repair once, in this order; one that fails keeps none of the others from being done.
    package func perform(_ repairs: [Repair]) throws -> [Outcome] {
        var done: Set<Repair> = []
        return try repairs.filter { done.insert($0).inserted }.map { repair in
            do {
                return Outcome(repair: repair, failure: nil, remark: try perform(repair))
            } catch let error as RedisError where error.code != .disconnected && error.code != .timeout {
                return Outcome(repair: repair, failure: error.message, remark: nil)
            }
        }
    }

    private func perform(_ repair: Repair) throws -> String? {
        switch repair {
        case .loadFunctions:
            try client.wait { FunctionLibrary.tidings.ensureLoaded(on: client.connection, completion: $0) }
        case .bury(let pipeline, let owners):
            _ = try client.call(.endLeases(pipeline: pipeline, of: owners))
        case .forgetProcesses(let key, let time):
            _ = try client.call("ZREMRANGEBYSCORE", key, "-inf", "(\(time)")
        case .forgetProcess(let key, let id):
            _ = try client.call("ZREM", key, id)
        case .delistFeed(let feed):
            // In one step: a feed that is made at this moment stays.
            let script = """
                if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5]) == 0 then
                  return redis.call('SREM', KEYS[1], ARGV[1])
                end
                return 0
                """
            let pieces = ["feed.ids:", "feed.items:", "feed.publishes:", "feed.config:"].map { $0 + feed }
            _ = try client.call(RedisCommand(words: ["EVAL", script, "5", "feeds"] + pieces + [feed]))
        case .listFeed(let feed):
            let script = """
                if redis.call('EXISTS', KEYS[2]) == 1 then return redis.call('SADD', KEYS[1], ARGV[1]) end
                return 0
                """
            _ = try client.call("EVAL", script, "2", "feeds", "feed.config:\(feed)", feed)
        case .set(let name, let value):
            _ = try client.call("CONFIG", "SET", name, value)
            do {
                _ = try client.call("CONFIG", "REWRITE")
            } catch let error as RedisError where error.code != .disconnected && error.code != .timeout {
                return "until Redis restarts; write '\(name) \(value)' into redis.conf (\(error.message))"
            }
        }
        return nil
    }
}
