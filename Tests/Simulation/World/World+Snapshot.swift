import Redis
import Store

/// What the server holds, read in one call without a part in it.
extension World {
    package func snapshot() -> ServerSnapshot {
        if let known = lastSnapshot { return known }
        var snapshot = ServerSnapshot()
        snapshot.serverTime = World.dayStart + now + clockOffset
        let reply = server.control.call(
            RedisCommand("EVAL", World.survey, "0", World.pipeline, layout.epoch, layout.config))
        guard case .success(let value) = reply, let parts = value.array, parts.count == 8 else {
            fatalError("the server's data cannot be read: \(reply)")
        }
        snapshot.epoch = parts[0].integer.flatMap { $0 < 0 ? nil : $0 }
        for (field, value) in World.pairs(parts[1]) { snapshot.configuration[field] = value.text }
        for (key, value) in World.pairs(parts[2]) {
            let numbers = (value.array ?? []).map { Int($0.integer ?? -1) }
            if key.contains(":dead:") {
                snapshot.dead[key] = numbers
            } else if key.contains(":held:") {
                snapshot.held[key] = numbers
            } else {
                snapshot.queues[key] = numbers
            }
        }
        for (reason, count) in World.pairs(parts[3]) { snapshot.dropped[reason] = Int(count.integer ?? 0) }
        snapshot.paused = Set((parts[4].array ?? []).compactMap(\.text))
        for (feed, value) in World.pairs(parts[5]) {
            guard let fields = value.array, fields.count == 4 else { continue }
            var items: [Int64: Int] = [:]
            let flat = (fields[3].array ?? []).map { $0.integer ?? -1 }
            for index in stride(from: 0, to: flat.count - 1, by: 2) { items[flat[index]] = Int(flat[index + 1]) }
            snapshot.feeds[String(feed.dropFirst().dropLast())] = ServerSnapshot.Feed(
                born: fields[0].integer ?? 0, last: fields[1].integer ?? 0, floor: fields[2].integer ?? 0, items: items)
        }
        snapshot.shape = parts[6].text
        snapshot.former = Set((parts[7].array ?? []).compactMap(\.text))
        lastSnapshot = snapshot
        return snapshot
    }

    private static func pairs(_ value: RedisValue) -> [(String, RedisValue)] {
        let parts = value.array ?? []
        return stride(from: 0, to: parts.count - 1, by: 2).map { (parts[$0].text ?? "", parts[$0 + 1]) }
    }

    /// Epoch (-1: none), configuration, lists of numbers by key, counts of dropped events by reason, paused stages, feeds
    /// (birth, last number, floor, items), shape, lanes of former shapes. An event's number is its member `n`; -1 where it has none.
    private static let survey = #"""
        local name = ARGV[1]
        local function number(text) return tonumber(string.match(text, '"n":(%d+)') or -1) end
        local lists, dropped, paused, feeds = {}, {}, {}, {}
        local function add(target, key, value) target[#target + 1] = key; target[#target + 1] = value end
        local keys = redis.call('KEYS', '*')
        table.sort(keys)
        local counts, reasons, stages = {}, {}, {}
        for _, key in ipairs(keys) do
          local feed = string.match(key, '^feed%.publishes:(.*)$')
          if feed then
            local config = redis.call('HMGET', 'feed.config:' .. feed, 'born', 'floor')
            local flat = redis.call('HGETALL', 'feed.items:' .. feed)
            local items = {}
            for index = 1, #flat, 2 do add(items, tonumber(flat[index]) or -1, number(flat[index + 1])) end
            add(feeds, feed, { tonumber(config[1] or 0), tonumber(redis.call('GET', key)), tonumber(config[2] or 0), items })
          elseif string.find(key, name, 1, true) then
            if string.find(key, ':lane:', 1, true) then
              local flat = redis.call('HGETALL', key)
              for index = 1, #flat, 2 do
                local reason = string.match(flat[index], '^dropped:(.*)$') or string.match(flat[index], '^held:(superseded)$')
                if reason then
                  if not counts[reason] then reasons[#reasons + 1] = reason end
                  counts[reason] = (counts[reason] or 0) + tonumber(flat[index + 1])
                elseif flat[index] == 'paused' and flat[index + 1] == '1' then
                  stages[string.match(key, ':lane:(.*)$')] = true
                end
              end
            elseif string.find(key, ':queue:', 1, true) or string.find(key, ':dead:', 1, true)
              or string.find(key, ':held:', 1, true) or string.sub(key, -9) == ':incoming' then
              if redis.call('TYPE', key).ok == 'list' then
                local numbers = {}
                for _, event in ipairs(redis.call('LRANGE', key, 0, -1)) do numbers[#numbers + 1] = number(event) end
                add(lists, key, numbers)
              end
            end
          end
        end
        for _, reason in ipairs(reasons) do add(dropped, reason, counts[reason]) end
        for stage in pairs(stages) do paused[#paused + 1] = stage end
        return { tonumber(redis.call('HGET', ARGV[2], 'number') or -1), redis.call('HGETALL', ARGV[3]), lists, dropped,
          paused, feeds, redis.call('HGET', ARGV[2], 'shape') or '',
          redis.call('SMEMBERS', name .. ':former') }
        """#
}
