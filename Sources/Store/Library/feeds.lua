-- Channel feeds (Thoonk, second generation): append, read, clear.

-- Events that are read at once when the answer is limited in bytes: what exceeds the limit is read in vain.
local FEW = 32

-- How many numbers one call takes off a history beyond those that it adds. A history that was made much shorter is cut
-- over several calls; the floor says how far it is.
local CUT = 10000

-- The floor of a feed whose configuration does not hold it, because an older version of this library wrote the feed: the
-- highest number that is missing. It may have been retracted, which is no loss, but nothing tells that any more.
local function unwritten_floor(feed, last)
  local kept = {}
  for _, id in ipairs(redis.call('ZRANGE', 'feed.ids:' .. feed, 0, -1)) do kept[id] = true end
  local floor = last
  while floor > 0 and kept[whole(floor)] do floor = floor - 1 end
  return floor
end

-- Removes numbers from a feed: those in `list`, as text.
local function remove(feed, list)
  if #list == 0 then return end
  call_in_chunks('ZREM', 'feed.ids:' .. feed, list, 1, #list)
  call_in_chunks('HDEL', 'feed.items:' .. feed, list, 1, #list)
end

-- Removes what is no event above the floor, oldest first, while the feed is longer than its history: items of other
-- clients, and what an older version of this library left.
local function remove_strays(feed, floor, last, history)
  local over = redis.call('ZCARD', 'feed.ids:' .. feed) - history
  if over <= 0 then return end
  local strays = {}
  for _, id in ipairs(redis.call('ZRANGE', 'feed.ids:' .. feed, 0, -1)) do
    local number = tonumber(id)
    if #strays < over and not (number and number > floor and number <= last and id == whole(number)) then
      strays[#strays + 1] = id
    end
  end
  remove(feed, strays)
end

-- The error of a command that was called with pcall, when it is that of a foreign type. Any other is raised: it says
-- nothing about the feed.
local function failure_of(answer)
  local failure = type(answer) == 'table' and answer.err
  if failure and not string.match(failure, '^WRONGTYPE') then error(redis.error_reply(failure)) end
  return failure
end

-- Looks at a channel's feed before it is written: checks the caller's rights (an error is raised) and the types of the
-- keys. Returns what `append` needs, or nil and an error when a key has a foreign type.
local function look_at_feed(channel)
  local feed = '{' .. channel .. '}'
  local target = {
    feed = feed, publishes_key = 'feed.publishes:' .. feed, ids_key = 'feed.ids:' .. feed,
    items_key = 'feed.items:' .. feed, config_key = 'feed.config:' .. feed, publish = 'feed.publish:' .. feed,
    retract = 'feed.retract:' .. feed,
  }
  demand('INCRBY', target.publishes_key, '1')
  demand('ZADD', target.ids_key, '0', '1')
  demand('HSET', target.items_key, '1', '')
  demand('HSET', target.config_key, 'floor', '0')
  demand('PUBLISH', target.publish, '')
  demand('PUBLISH', target.retract, '')
  local known = redis.pcall('GET', target.publishes_key)
  local config = redis.pcall('HMGET', target.config_key, 'floor', 'max_length', 'ttl')
  local newest = redis.pcall('ZRANGE', target.ids_key, -1, -1, 'WITHSCORES')
  local items = redis.pcall('HLEN', target.items_key)
  local failure = failure_of(known) or failure_of(newest) or failure_of(items)
  target.before = not failure and tonumber(known or 0)
  if not failure and not (target.before and target.before >= 0 and target.before % 1 == 0) then
    failure = 'ERR value is not an integer or out of range'
  end
  target.is_new = target.before == 0
  -- Where a feed exists, its foreign configuration does not stop it: the floor is then found anew each time.
  if target.is_new then
    demand('SADD', 'feeds', feed)
    demand('PUBLISH', 'newfeed', '')
    demand('PUBLISH', 'conffeed', '')
    failure = failure_of(config) or failure_of(redis.pcall('SCARD', 'feeds'))
  end
  if failure then return nil, failure end
  target.config, target.newest = config, newest[2]
  return target
end

-- Checks what `look_at_feed` does not ask for each feed, since it is the same for all: the right to run further commands.
local function demand_trimming(channel)
  demand('ZREM', 'feed.ids:{' .. channel .. '}', '0')
  demand('HDEL', 'feed.items:{' .. channel .. '}', '0')
end

-- Appends events (raw strings) to a channel's feed that was looked at, and adds its announcements to `heard`. Ids are the
-- values of feed.publishes, so they are dense. Order and trimming go by them alone: the scores are times for other
-- clients, and never fall. The field `floor` of feed.config is the number up to which the history has been cut; it is
-- written by the call that cuts. `clock` is a time (ms, with a fraction). Returns the last sequence number.
local function append(target, events, history, ttl, clock, heard)
  local feed, before, config, is_new = target.feed, target.before, target.config, target.is_new
  local count = #events
  local last = before + count
  local floor = not is_new and not config.err and tonumber(config[1] or '')
  if not floor then floor = is_new and 0 or unwritten_floor(feed, before) end
  local cut = math.max(floor, math.min(last - history, floor + count + CUT))
  local time = math.max(clock, tonumber(target.newest or 0) + 0.001)
  local ids, contents, gone = {}, {}, {}
  for index, event in ipairs(events) do
    local id = whole(before + index)
    ids[#ids + 1] = string.format('%.3f', time + (index - 1) * 0.001)
    ids[#ids + 1] = id
    contents[#contents + 1] = id
    contents[#contents + 1] = event
  end
  for id = floor + 1, cut do gone[#gone + 1] = whole(id) end

  redis.call('INCRBY', target.publishes_key, count)
  call_in_chunks('ZADD', target.ids_key, ids, 1, #ids)
  call_in_chunks('HSET', target.items_key, contents, 1, #contents)
  if is_new then
    redis.call('HSET', target.config_key, 'type', 'feed', 'max_length', history, 'ttl', ttl,
      'born', whole(clock), 'floor', whole(cut))
    redis.call('SADD', 'feeds', feed)
  elseif not config.err
    and (config[1] ~= whole(cut) or config[2] ~= whole(history) or tostring(config[3]) ~= tostring(ttl)) then
    redis.call('HSET', target.config_key, 'max_length', history, 'ttl', ttl, 'floor', whole(cut))
  end
  remove(feed, gone)
  if last % 64 < count then remove_strays(feed, cut, last, history) end
  -- For a further append of this call.
  target.before, target.is_new, target.newest = last, false, ids[#ids - 1]
  if not config.err then target.config = { whole(cut), whole(history), ttl } end

  local function hear(channel, payload)
    heard[#heard + 1] = channel
    heard[#heard + 1] = payload
  end
  if is_new then
    hear('newfeed', feed .. '\0tidings')
    hear('conffeed', feed .. '\0tidings')
  end
  local retracted = floor
  for index, event in ipairs(events) do
    local id = before + index
    -- One at a time, as every Thoonk publisher does it: no id is retracted before it was published.
    for old = retracted + 1, math.min(cut, id - history) do
      hear(target.retract, whole(old))
      retracted = old
    end
    hear(target.publish, whole(id) .. '\0' .. event)
  end
  return last
end

-- tidings_publish 0 CHANNEL HISTORY TTL EVENT…  ->  the last sequence number
local function publish(_, args)
  local events = {}
  for index = 4, #args do events[#events + 1] = args[index] end
  demand_trimming(args[1])
  local target, failure = look_at_feed(args[1])
  if not target then return redis.error_reply(failure) end
  local heard = {}
  local last = append(target, events, tonumber(args[2]), args[3], now_us() / 1000, heard)
  announce(heard)
  return last
end

-- tidings_history 1 EPOCH-KEY CHANNEL AFTER LIMIT [BYTES]
-- ->  {epoch, born (ms), last, 0, floor + 1, sequence, event, sequence, event, …}: the newest LIMIT events that are kept
-- after AFTER, oldest first. With BYTES it is the oldest: up to LIMIT events with at most BYTES bytes together, or one
-- event of any size. Hardly more of the feed is read than that. A feed that does not exist has born and last 0. The 0 and
-- the 1 after the floor are for processes of older versions, which take them for the capacity and the oldest kept.
local function history(keys, args)
  local feed = '{' .. args[1] .. '}'
  local after, limit, room = tonumber(args[2]), tonumber(args[3]), tonumber(args[4] or '')
  local epoch = tonumber(redis.call('HGET', keys[1], 'number') or 0)
  local last = tonumber(redis.call('GET', 'feed.publishes:' .. feed) or 0)
  local config = redis.call('HMGET', 'feed.config:' .. feed, 'born', 'floor')
  local floor = math.min(last, tonumber(config[2] or '') or unwritten_floor(feed, last))
  local answer = { whole(epoch), config[1] or '0', whole(last), '0', whole(floor + 1) }
  local from = math.max(after + 1, room and 1 or last - limit + 1, floor + 1)
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
      announce({ 'delfeed', feed .. '\0tidings' })
      removed = removed + 1
    end
  end
  return { page[1], removed }
end

register('tidings_publish', publish)
register('tidings_history', history, 'no-writes')
register('tidings_sweep', sweep, 'allow-oom')
