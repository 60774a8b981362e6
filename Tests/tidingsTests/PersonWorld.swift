import Store
import TestSupport
import Testing

/// A Redis in which comments of the person 42, marked MARK42, and of another one, marked MARK7, stand in all places.
final class PersonWorld {
    let server: RedisServer
    let folder: TemporaryFolder
    private let layout = PipelineLayout(
        name: "comments", partitions: 8, stages: ["validate", "moderate", "format", "route", "publish"])
    /// The keys in which the other person's marks stand, sorted.
    private(set) var others: [String] = []

    init() throws {
        server = try RedisServer()
        folder = try TemporaryFolder()
    }

    func run(_ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(arguments + ["--redis", server.url], in: folder.path)
    }

    func erase(_ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(
            ["erase", "--author", "42", "--json"] + arguments + ["--redis", server.url], in: folder.path)
    }

    /// An erasure that is not waited for.
    func launch() throws -> ChildProcess {
        try TidingsBinary.launch(["erase", "--author", "42", "--redis", server.url], in: folder.path)
    }

    /// In each thread and for each of the two: a published comment with an edit on its way, one that fell off all histories,
    /// events in three queues, a held event, two dead letters. Counters are those of a pipeline that did this.
    func lay(threads: Int) throws {
        let first = try run("enqueue", "/dev/null")
        guard first.succeeded else { throw TestSupportError("\(first)") }
        for thread in 0..<threads {
            let partition = layout.partition(of: "t\(thread)")
            _ = try server.cli("EVAL", Self.script, "0", "{comments.\(partition)}", "t\(thread)", "\(thread)")
        }
        others = try keys(containing: "MARK7")
    }

    private static let script = #"""
        local prefix, thread, number = ARGV[1], ARGV[2], ARGV[3]
        local function lane(stage) return prefix .. ':lane:' .. stage end
        local function push(stage, event)
          redis.call('RPUSH', stage == 'incoming' and prefix .. ':incoming' or prefix .. ':queue:' .. stage, event)
          if stage ~= 'incoming' then redis.call('HINCRBY', lane(stage), 'in', 1) end
        end
        local function letter(kind, stage, index, event)
          local id = stage .. '.' .. string.match(prefix, '%d+') .. '-5-' .. number .. '-' .. index
          redis.call('RPUSH', prefix .. ':' .. kind .. ':' .. stage, '{"id":"' .. id .. '","stage":"' .. stage
            .. '","error":"e","attempts":1,"time":1,"event":' .. event .. '}')
          redis.call('HINCRBY', lane(stage), 'in', 1)
          redis.call('HINCRBY', lane(stage), kind, 1)
          return id
        end
        for index, who in ipairs({ '42', '7' }) do
          local body = ',"thread":"' .. thread .. '","author":{"id":' .. (index == 1 and '42' or '"7"') .. '},"text":"MARK' .. who
          local function event(id, kind, head)
            return '{' .. (head or '') .. '"id":"' .. id .. '","type":"comment.' .. kind .. '"' .. body .. ' ' .. kind .. '"}'
          end
          local own = who == '42' and '' or who
          push('incoming', event('i' .. own, 'create'))
          push('validate', event('v' .. own, 'created'))
          push('format', event('p' .. own, 'edit', '"_v":"9-2-0","_by":"u:' .. who .. '",'))
          local id = letter('held', 'moderate', index, event('h' .. own, 'created', '"_v":"6-' .. number .. '-' .. index .. '",'))
          redis.call('HSET', prefix .. ':holds:moderate', thread .. '\0h' .. own, '6-1-1 created ' .. id .. ' u:' .. who)
          letter('dead', 'validate', 10 + index, event('d' .. own, 'created'))
          letter('dead', 'publish', 20 + index, '"' .. string.gsub(event('e' .. own, 'created'), '"', '\\"') .. '"')
          redis.call('SET', prefix .. ':post:' .. thread .. '\0old' .. own, '5-1-0 created u:' .. who .. ' {gone}1-1', 'PX', 600000)
          redis.call('SADD', 'comments:rate:7:' .. who, '1')
          local place = ''
          for _, channel in ipairs({ 'thread:' .. thread, 'user:' .. who }) do
            local feed = '{' .. channel .. '}'
            local last = redis.call('INCR', 'feed.publishes:' .. feed)
            redis.call('SADD', 'feeds', feed)
            redis.call('HSET', 'feed.config:' .. feed, 'type', 'feed', 'max_length', 100, 'ttl', 600000, 'born', 1, 'floor', 0)
            redis.call('ZADD', 'feed.ids:' .. feed, redis.call('TIME')[1] * 1000 + last / 1000, last)
            redis.call('HSET', 'feed.items:' .. feed, last,
              '{"id":"p' .. own .. '","type":"comment.created"' .. body .. '","received_at":1}')
            place = place .. '{' .. channel .. '}1-' .. last
          end
          local feed = '{thread:' .. thread .. '}'
          local last = redis.call('INCR', 'feed.publishes:' .. feed)
          redis.call('ZADD', 'feed.ids:' .. feed, redis.call('TIME')[1] * 1000 + last / 1000, last)
          redis.call('HSET', 'feed.items:' .. feed, last, '{"id":"q' .. own .. '","type":"comment.created"' .. body .. '"}')
          redis.call('SET', prefix .. ':post:' .. thread .. '\0p' .. own, '9-1-0 created u:' .. who .. ' ' .. place, 'PX', 600000)
        end
        """#

    /// The names of all keys in which a text stands, as bytes of the key or of a value, sorted.
    func keys(containing text: String) throws -> [String] {
        let script = #"""
            local found = {}
            local function has(list)
              for _, value in ipairs(list) do if string.find(value, ARGV[1], 1, true) then return true end end
            end
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local kind = redis.call('TYPE', key).ok
              local values = kind == 'string' and { redis.call('GET', key) } or kind == 'hash' and redis.call('HGETALL', key)
                or kind == 'list' and redis.call('LRANGE', key, 0, -1) or kind == 'set' and redis.call('SMEMBERS', key)
                or redis.call('ZRANGE', key, 0, -1)
              if has({ key }) or has(values) then found[#found + 1] = (string.gsub(key, '%z', '|')) end
            end
            table.sort(found)
            return found
            """#
        return try server.cli("EVAL", script, "0", text).split(separator: "\n").map(String.init)
    }

    /// A digest of all data.
    func digest() throws -> String { try server.cli("DEBUG", "DIGEST") }

    /// The counters of all lanes add up, and no feed contradicts itself, as `tidings doctor` sees it.
    func expectSound() throws {
        let result = try run("doctor", "--json")
        let checks = try ParsedJSON(parsing: result.output)["checks"]?.array ?? []
        #expect(checks.count > 10, "\(result)")
        for check in checks where check["state"] == "fault" {
            let id = check["id"]?.string ?? ""
            #expect(!id.hasPrefix("lane-") && !id.hasPrefix("feed-"), "\(check)")
        }
    }
}
