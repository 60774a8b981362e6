-- Channel feeds (Thoonk, second generation): append, read, clear.

-- Events that are read at once when the answer is limited in bytes: what exceeds the limit is read in vain.
local FEW = 32

-- How many numbers one call takes off a history beyond those that it adds. A history that was made much shorter is cut
-- over several calls; the floor says how far it is.
local CUT = 10000

-- Facts about the feeds that were removed, so that a position of a channel without a feed can be judged later:
--   time  ms; follows the clock and never falls. Such a position carries it, and no feed is born before it.
--   born  the latest birth among all feeds that were removed. `time` is always later.
-- A feed that lived and was removed since a position was given was born at the position's time or later. So a position
-- that is later than `born` has missed nothing, whatever the clock did and however long feeds are kept.
local SWEPT = 'feed.swept'

-- Brings `time` up to the clock, and remembers the latest birth of feeds that are being removed, if there are any: then a
-- foreign key in its place is an error. Else it is none, and a user who may not write it leaves it as it is: a process
-- that may goes on with it.
local function pass_time(now_ms, removed)
  local known = redis.pcall('HMGET', SWEPT, 'time', 'born')
  if known.err then
    if removed then error(redis.error_reply(known.err)) end
    return
  end
  local time, born = tonumber(known[1] or '') or 0, tonumber(known[2] or '') or 0
  local latest = math.max(born, removed or 0)
  local now = math.max(time, math.floor(now_ms), latest > 0 and latest + 1 or 0)
  if now ~= time or latest ~= born then redis.pcall('HSET', SWEPT, 'time', whole(now), 'born', whole(latest)) end
end

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

-- The keys and channels of a channel's feed.
local function feed_of(channel)
  local feed = '{' .. channel .. '}'
  return {
    feed = feed, publishes_key = 'feed.publishes:' .. feed, ids_key = 'feed.ids:' .. feed,
    items_key = 'feed.items:' .. feed, config_key = 'feed.config:' .. feed, publish = 'feed.publish:' .. feed,
    retract = 'feed.retract:' .. feed, edit = 'feed.edit:' .. feed,
  }
end

-- Checks the caller's rights to write these feeds. All keys and all channels are looked at in two calls, where the
-- caller may call functions and subscribe; each command once. Otherwise each is asked for.
local function demand_feeds(targets)
  if not redis.acl_check_cmd then return end
  local keys, channels = {}, {}
  for index, target in ipairs(targets) do
    local at = 4 * index - 4
    keys[at + 1], keys[at + 2] = target.publishes_key, target.ids_key
    keys[at + 3], keys[at + 4] = target.items_key, target.config_key
    channels[2 * index - 1], channels[2 * index] = target.publish, target.retract
  end
  demand('ZREM', targets[1].ids_key, '0')
  demand('HDEL', targets[1].items_key, '0')
  -- A pattern is allowed where the user has it, letter by letter: this one stands for all channels.
  local is_alike = (redis.acl_check_cmd('PSUBSCRIBE', '*') or may(channels, 'SUBSCRIBE')) and may_write(keys)
  for index = 1, is_alike and 1 or #targets do
    local target = targets[index]
    demand('INCRBY', target.publishes_key, '1')
    demand('ZADD', target.ids_key, '0', '1')
    demand('HSET', target.items_key, '1', '')
    demand('HSET', target.config_key, 'floor', '0')
    demand('PUBLISH', target.publish, '')
    demand('PUBLISH', target.retract, '')
  end
end

-- Looks at a feed that exists: sets what `append` needs, or returns an error when a key has a foreign type. The hash of
-- the items is looked at by `append`, which writes it first.
local function look_at_feed(target, known)
  target.before = tonumber(known)
  if not (target.before and target.before >= 0 and target.before % 1 == 0) then
    return 'ERR value is not an integer or out of range'
  end
  target.config = redis.pcall('HMGET', target.config_key, 'floor', 'max_length', 'ttl', 'born')
  target.born = not target.config.err and target.config[4] or '0'
  local newest = redis.pcall('ZRANGE', target.ids_key, -1, -1, 'WITHSCORES')
  target.is_new = target.before == 0
  -- Where a feed exists, its foreign configuration does not stop it: the floor is then found anew each time.
  local failure = failure_of(newest) or target.is_new and failure_of(target.config)
  if failure then return failure end
  target.newest = newest[2]
  return nil
end

-- Looks at a feed that no number was given out of, but that has a key all the same: one of a foreign type, for example.
local function look_at_remains(target)
  local known = redis.pcall('GET', target.publishes_key)
  local failure = failure_of(known) or failure_of(redis.pcall('HLEN', target.items_key))
  if failure then return failure end
  return look_at_feed(target, known or '0')
end

-- Looks at the feeds of channels (`name`) before they are written: checks the caller's rights (an error is raised) and
-- the types of the keys. Sets each one's `target`, which `append` takes, or `failure` when a key has a foreign type. A
-- channel that stands there twice has one target. What can be read of all feeds at once is.
local function look_at_feeds(channels)
  local named, targets, keys = {}, {}, {}
  for _, channel in ipairs(channels) do
    local target = named[channel.name]
    if not target then
      target = feed_of(channel.name)
      named[channel.name] = target
      targets[#targets + 1] = target
      keys[#keys + 1] = target.publishes_key
    end
    channel.target, channel.failure = target, nil
  end
  demand_feeds(targets)
  local fresh, parts = {}, {}
  for start = 1, #keys, CHUNK do
    local known = redis.call('MGET', unpack(keys, start, math.min(start + CHUNK - 1, #keys)))
    for offset, number in ipairs(known) do
      local target = targets[start + offset - 1]
      if number then
        target.failure = look_at_feed(target, number)
      else
        fresh[#fresh + 1] = target
        parts[#parts + 1], parts[#parts + 2] = target.publishes_key, target.ids_key
        parts[#parts + 1], parts[#parts + 2] = target.items_key, target.config_key
      end
    end
  end
  if #fresh > 0 then
    local remains = 0
    for start = 1, #parts, CHUNK do
      remains = remains + redis.call('EXISTS', unpack(parts, start, math.min(start + CHUNK - 1, #parts)))
    end
    for _, target in ipairs(fresh) do
      target.before, target.is_new, target.config = 0, true, {}
      if remains > 0 then target.failure = look_at_remains(target) end
    end
  end
  local unlisted, swept
  for _, target in ipairs(targets) do
    if target.is_new then
      if unlisted == nil then
        demand('SADD', 'feeds', target.feed)
        demand('PUBLISH', 'newfeed', '')
        demand('PUBLISH', 'conffeed', '')
        demand('HMGET', SWEPT, 'time')
        swept = redis.pcall('HMGET', SWEPT, 'time', 'born')
        unlisted = failure_of(redis.pcall('SCARD', 'feeds')) or failure_of(swept) or false
      end
      target.swept = swept
      target.failure = target.failure or unlisted or nil
    end
  end
  for _, channel in ipairs(channels) do channel.failure = channel.target.failure end
end

-- Writes down what `append` has left for the end of a call: the numbers that were given out of all feeds, and the names
-- of the new ones.
local function number_feeds(channels)
  local numbers, born, done = {}, {}, {}
  for _, channel in ipairs(channels) do
    local target = channel.target
    if target.last and not done[target] then
      done[target] = true
      numbers[#numbers + 1] = target.publishes_key
      numbers[#numbers + 1] = whole(target.last)
      if target.is_born then born[#born + 1] = target.feed end
    end
  end
  if #numbers == 0 then return end
  -- The keys were asked for above; not every user who may count may set.
  if redis.acl_check_cmd and not redis.acl_check_cmd('MSET', numbers[1], '1') then
    for index = 1, #numbers, 2 do
      local before = tonumber(redis.call('GET', numbers[index]) or 0)
      redis.call('INCRBY', numbers[index], whole(tonumber(numbers[index + 1]) - before))
    end
  else
    for start = 1, #numbers, CHUNK do
      redis.call('MSET', unpack(numbers, start, math.min(start + CHUNK - 1, #numbers)))
    end
  end
  if #born > 0 then call_in_chunks('SADD', 'feeds', born, 1, #born) end
end

-- Appends events (raw strings) to a channel's feed that was looked at, and adds its announcements to `heard`, for `tell`.
-- Ids are the values of feed.publishes, so they are dense. Order and trimming go by them alone: the scores are times for
-- other clients, and never fall. The field `floor` of feed.config is the number up to which the history has been cut; it
-- is written by the call that cuts. `clock` is a time (ms, with a fraction). Returns an error, with nothing written, when
-- the hash of the items has a foreign type. `number_feeds` has to follow.
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
    local id, at = whole(before + index), 2 * index
    ids[at - 1], ids[at] = string.format('%.3f', time + (index - 1) * 0.001), id
    contents[at - 1], contents[at] = id, event
  end
  for id = floor + 1, cut do gone[#gone + 1] = whole(id) end

  -- The first write tells whether the key is a hash: asking all feeds before would cost as much as writing.
  local part = math.min(#contents, CHUNK)
  local failure = part > 0 and failure_of(redis.pcall('HSET', target.items_key, unpack(contents, 1, part)))
  if failure then return failure end
  call_in_chunks('HSET', target.items_key, contents, part + 1, #contents)
  call_in_chunks('ZADD', target.ids_key, ids, 1, #ids)
  local length, edge = whole(history), whole(cut)
  if is_new then
    -- `swept`: the latest birth of a feed that was removed before this one was born.
    target.born = whole(math.max(clock, tonumber(target.swept[1] or '') or 0))
    redis.call('HSET', target.config_key, 'type', 'feed', 'max_length', length, 'ttl', ttl, 'born', target.born,
      'swept', target.swept[2] or '0', 'floor', edge)
    target.is_born = true
  elseif not config.err then
    if config[2] ~= length or config[3] ~= ttl then
      redis.call('HSET', target.config_key, 'max_length', length, 'ttl', ttl, 'floor', edge)
    elseif config[1] ~= edge then
      redis.call('HSET', target.config_key, 'floor', edge)
    end
  end
  remove(feed, gone)
  if last % 64 < count then remove_strays(feed, cut, last, history) end
  -- For a further append of this call.
  target.before, target.last, target.is_new, target.newest = last, last, false, ids[#ids - 1]
  if not config.err then target.config = { edge, length, ttl } end

  local function hear(channel, id, event)
    local count = #heard
    heard[count + 1], heard[count + 2], heard[count + 3] = channel, id, event
  end
  if is_new then
    hear('newfeed', feed, 'tidings')
    hear('conffeed', feed, 'tidings')
  end
  local retracted = floor
  for index, event in ipairs(events) do
    local id = before + index
    -- One at a time, as every Thoonk publisher does it: no id is retracted before it was published.
    for old = retracted + 1, math.min(cut, id - history) do
      hear(target.retract, whole(old), false)
      retracted = old
    end
    hear(target.publish, ids[2 * index], event)
  end
  return nil
end

-- tidings_publish 0 CHANNEL HISTORY TTL EVENT…  ->  the last sequence number
-- tidings_publish 1 EPOCH-KEY CHANNEL HISTORY TTL EVENT…  renews that epoch first when it is not sure.
local function publish(keys, args)
  local events = {}
  for index = 4, #args do events[#events + 1] = args[index] end
  local channel, heard = { name = args[1] }, {}
  look_at_feeds({ channel })
  if not channel.failure and keys[1] then renew_if_unsure(mark_of(keys[1])) end
  local failure = channel.failure
    or append(channel.target, events, tonumber(args[2]), args[3], now_us() / 1000, heard)
  if failure then return redis.error_reply(failure) end
  number_feeds({ channel })
  tell(heard)
  return channel.target.last
end

-- tidings_history 1 EPOCH-KEY CHANNEL AFTER LIMIT [BYTES [FACTS]]
-- ->  {epoch, born (ms), last, 0, floor + 1, sequence, event, sequence, event, …}: the newest LIMIT events that are kept
-- after AFTER, oldest first. With BYTES it is the oldest: up to LIMIT events with at most BYTES bytes together, or one
-- event of any size. Hardly more of the feed is read than that. A feed that does not exist has born and last 0; one of
-- another client, whose birth nobody knows, has born 1. The 0 and the 1 after the floor are for processes of older
-- versions, which take them for the capacity and the oldest kept. An error UNSURE when the epoch may not belong to the
-- data: a process greets then, and reads again.
-- With FACTS `1` two numbers come before the events: the time that a position carries while there is no feed, and the
-- latest birth of a feed that was removed before this one was born, or until now when there is none. A position of a
-- channel without a feed has missed nothing when it is later than that; see SWEPT. With FACTS `2` a third one follows: 1
-- when the channel's conversation is closed, else 0.
local function history(keys, args)
  local feed = '{' .. args[1] .. '}'
  local after, limit, room = tonumber(args[2]), tonumber(args[3]), tonumber(args[4] or '')
  local epoch = sure_epoch(keys[1])
  if not epoch then return unsure() end
  local last = tonumber(redis.call('GET', 'feed.publishes:' .. feed) or 0)
  local config = redis.call('HMGET', 'feed.config:' .. feed, 'born', 'floor', 'swept', 'closed')
  local floor = math.min(last, tonumber(config[2] or '') or unwritten_floor(feed, last))
  local born = config[1] or (last > 0 and '1' or '0')
  local answer = { epoch, born, whole(last), '0', whole(floor + 1) }
  if args[5] == '1' or args[5] == '2' then
    local swept = config[3] and { '0', config[3] } or redis.call('HMGET', SWEPT, 'time', 'born')
    answer[6], answer[7] = swept[1] or '0', swept[2] or '0'
    if args[5] == '2' then answer[8] = config[4] == '1' and '1' or '0' end
  end
  local head = #answer
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
          if #answer > head and (room < 0 or #answer >= head + 2 * limit) then return answer end
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
-- also from `feeds`. Feeds without a ttl are not ours. Writes down the latest birth among those that it removes.
local function sweep(_, args)
  local now = now_us() / 1000
  local count = math.max(2, math.ceil(redis.call('SCARD', 'feeds') / tonumber(args[2])))
  local page = redis.call('SSCAN', 'feeds', args[1], 'COUNT', count)
  local idle, latest = {}, nil
  for _, feed in ipairs(page[2]) do
    -- A key of another type is not ours either; the sweep goes on.
    local config = redis.pcall('HMGET', 'feed.config:' .. feed, 'ttl', 'born')
    local ttl = not config.err and tonumber(config[1] or '')
    local newest = ttl and redis.pcall('ZRANGE', 'feed.ids:' .. feed, -1, -1, 'WITHSCORES')
    if ttl and ttl > 0 and not newest.err and (not newest[2] or tonumber(newest[2]) < now - ttl) then
      demand('SREM', 'feeds', feed)
      demand('UNLINK', 'feed.config:' .. feed)
      idle[#idle + 1] = feed
      -- A feed that another client created tells no birth: its newest event is later than that.
      latest = math.max(latest or 0, math.floor(tonumber(config[2] or newest[2] or '') or now))
    end
  end
  demand('HSET', SWEPT, 'time', '0')
  pass_time(now, latest)
  for _, feed in ipairs(idle) do
    redis.call('SREM', 'feeds', feed)
    redis.call('UNLINK', 'feed.ids:' .. feed, 'feed.items:' .. feed, 'feed.publishes:' .. feed,
      'feed.config:' .. feed)
    announce({ 'delfeed', feed .. '\0tidings' })
  end
  return { page[1], #idle }
end

register('tidings_publish', publish)
register('tidings_history', history, 'no-writes')
register('tidings_sweep', sweep, 'allow-oom')
