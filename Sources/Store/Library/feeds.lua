-- Channel feeds (Thoonk, second generation): append, read, clear.

-- Events that are read at once when the answer is limited in bytes: what exceeds the limit is read in vain.
local FEW = 32

-- Appends events (raw strings) to a channel's feed and announces them. Ids are the values of feed.publishes, so they
-- are dense, and the ids that fall off the history are computed. `clock` is a score (ms, with a fraction) that is not
-- smaller than any that the lane used before. Returns the last sequence number. When a key of the feed has a foreign
-- type it returns nil and an error, and undoes what it wrote.
local function append(channel, events, history, ttl, clock)
  local feed = '{' .. channel .. '}'
  local count = #events
  local last = redis.pcall('INCRBY', 'feed.publishes:' .. feed, count)
  if type(last) == 'table' then return nil, last.err end
  local first = last - count + 1
  local ids, items = {}, {}
  for index, event in ipairs(events) do
    local id = whole(first + index - 1)
    ids[#ids + 1] = string.format('%.3f', clock + (index - 1) * 0.001)
    ids[#ids + 1] = id
    items[#items + 1] = id
    items[#items + 1] = event
  end
  local is_new = last == count
  local config = { 'type', 'feed', 'max_length', history, 'ttl', ttl, 'born', whole(clock) }
  local failure = try_in_chunks('ZADD', 'feed.ids:' .. feed, ids)
    or try_in_chunks('HSET', 'feed.items:' .. feed, items)
    or is_new and (try_in_chunks('HSET', 'feed.config:' .. feed, config) or try_in_chunks('SADD', 'feeds', { feed }))
  if failure then
    for index = 1, #items, 2 do
      redis.pcall('ZREM', 'feed.ids:' .. feed, items[index])
      redis.pcall('HDEL', 'feed.items:' .. feed, items[index])
    end
    if is_new then redis.call('DEL', 'feed.publishes:' .. feed)
    else redis.call('DECRBY', 'feed.publishes:' .. feed, count) end
    return nil, failure
  end
  if is_new then
    redis.call('PUBLISH', 'newfeed', feed .. '\0tidings')
    redis.call('PUBLISH', 'conffeed', feed .. '\0tidings')
  end
  if last > history then
    local gone = {}
    for id = math.max(1, first - history), last - history do gone[#gone + 1] = whole(id) end
    call_in_chunks('ZREM', 'feed.ids:' .. feed, gone, 1, #gone)
    call_in_chunks('HDEL', 'feed.items:' .. feed, gone, 1, #gone)
    -- A history that was made shorter leaves older items behind: clear them now and then.
    if last % 64 < count then
      local over = redis.call('ZCARD', 'feed.ids:' .. feed) - history
      if over > 0 then
        local old = redis.call('ZRANGE', 'feed.ids:' .. feed, 0, over - 1)
        call_in_chunks('ZREM', 'feed.ids:' .. feed, old, 1, #old)
        call_in_chunks('HDEL', 'feed.items:' .. feed, old, 1, #old)
      end
    end
  end
  -- A changed limit is written to the feed now and then. A foreign key in its place is ignored: everything else is
  -- already written.
  if not is_new and last % 16 < count then
    redis.pcall('HSET', 'feed.config:' .. feed, 'max_length', history, 'ttl', ttl)
  end
  for index, event in ipairs(events) do
    local id = first + index - 1
    -- One at a time, as every Thoonk publisher does it: no id is retracted before it was published.
    if id > history then redis.call('PUBLISH', 'feed.retract:' .. feed, whole(id - history)) end
    redis.call('PUBLISH', 'feed.publish:' .. feed, whole(id) .. '\0' .. event)
  end
  return last
end

-- tidings_publish 0 CHANNEL HISTORY TTL EVENT…  ->  the last sequence number
local function publish(_, args)
  local events = {}
  for index = 4, #args do events[#events + 1] = args[index] end
  local last, failure = append(args[1], events, tonumber(args[2]), args[3], now_us() / 1000)
  if not last then return redis.error_reply(failure) end
  return last
end

-- tidings_history 1 EPOCH-KEY CHANNEL AFTER LIMIT [BYTES]
-- ->  {epoch, born (ms), last, capacity, oldest kept, sequence, event, sequence, event, …}: the newest LIMIT events that
-- are kept after AFTER, oldest first. With BYTES it is the oldest: up to LIMIT events with at most BYTES bytes
-- together, or one event of any size. Hardly more of the feed is read than that. A feed that does not exist has zeros.
local function history(keys, args)
  local feed = '{' .. args[1] .. '}'
  local after, limit, room = tonumber(args[2]), tonumber(args[3]), tonumber(args[4] or '')
  local epoch = tonumber(redis.call('HGET', keys[1], 'number') or 0)
  local last = tonumber(redis.call('GET', 'feed.publishes:' .. feed) or 0)
  local config = redis.call('HMGET', 'feed.config:' .. feed, 'born', 'max_length')
  local capacity = tonumber(config[2] or 0)
  local oldest = tonumber(redis.call('ZRANGE', 'feed.ids:' .. feed, 0, 0)[1] or 0) or 0
  local answer = { whole(epoch), config[1] or '0', whole(last), whole(capacity), whole(oldest) }
  local from = math.max(after + 1, room and 1 or last - limit + 1, oldest, 1)
  local count = math.max(0, last - from + 1)
  -- There may be millions of numbers for a few items (nothing kept, much retracted, ids of another client): then the
  -- ids that exist are scanned instead.
  local numbers
  if count > 2 * redis.call('ZCARD', 'feed.ids:' .. feed) + CHUNK then
    numbers = {}
    for _, id in ipairs(redis.call('ZRANGE', 'feed.ids:' .. feed, 0, -1)) do
      local number = tonumber(id)
      if number and number >= from and number <= last and id == whole(number) then numbers[#numbers + 1] = number end
    end
    table.sort(numbers)
    count = #numbers
  end
  local size = room and FEW or CHUNK
  for start = 1, count, size do
    local ids = {}
    for index = start, math.min(start + size - 1, count) do
      ids[#ids + 1] = whole(numbers and numbers[index] or from + index - 1)
    end
    local items = redis.call('HMGET', 'feed.items:' .. feed, unpack(ids))
    for index, id in ipairs(ids) do
      -- A retracted item leaves a hole, which is no loss.
      if items[index] then
        if room then
          room = room - #items[index]
          if #answer > 5 and (room < 0 or #answer >= 5 + 2 * limit) then return answer end
        end
        answer[#answer + 1] = id
        answer[#answer + 1] = items[index]
      end
    end
  end
  return answer
end

-- tidings_sweep 0 CURSOR SHARE  ->  {next cursor, feeds removed}
-- Looks at one in SHARE of the feeds (two at least) and removes those that have been idle for their `ttl` (ms): whole,
-- also from `feeds`. Feeds without a ttl are not ours.
local function sweep(_, args)
  local now = now_us() / 1000
  local count = math.max(2, math.ceil(redis.call('SCARD', 'feeds') / tonumber(args[2])))
  local page = redis.call('SSCAN', 'feeds', args[1], 'COUNT', count)
  local removed = 0
  for _, feed in ipairs(page[2]) do
    -- A key of another type is not ours either; the sweep goes on.
    local ttl = tonumber(redis.pcall('HGET', 'feed.config:' .. feed, 'ttl') or '')
    local newest = ttl and redis.pcall('ZRANGE', 'feed.ids:' .. feed, -1, -1, 'WITHSCORES')
    if ttl and ttl > 0 and not newest.err and (not newest[2] or tonumber(newest[2]) < now - ttl) then
      redis.call('SREM', 'feeds', feed)
      redis.call('UNLINK', 'feed.ids:' .. feed, 'feed.items:' .. feed, 'feed.publishes:' .. feed,
        'feed.config:' .. feed)
      redis.call('PUBLISH', 'delfeed', feed .. '\0tidings')
      removed = removed + 1
    end
  end
  return { page[1], removed }
end

register('tidings_publish', publish)
register('tidings_history', history, 'no-writes')
register('tidings_sweep', sweep, 'allow-oom')
