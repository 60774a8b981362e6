-- Channel feeds (Thoonk, second generation): append, read, clear.

-- Events that are read at once when the answer is limited in bytes: what exceeds the limit is read in vain.
local FEW = 32

-- How many numbers one call takes off a history beyond those that it adds. A history that was made much shorter is cut
-- over several calls; the floor says how far it is.
local CUT = 10000

-- A history may be longer than it is meant to be by one in so many, so that not every call has to cut it.
local SLACK = 16

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

-- Removes what is no event above the floor, oldest first, while the feed has more ids than that are numbers: items of
-- other clients, and what an older version of this library left.
local function remove_strays(feed, floor, last)
  local over = redis.call('ZCARD', 'feed.ids:' .. feed) - (last - floor)
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

-- The keys and channels of a channel's feed.
local function feed_of(channel)
  local feed = '{' .. channel .. '}'
  return {
    feed = feed, publishes_key = 'feed.publishes:' .. feed, ids_key = 'feed.ids:' .. feed,
    items_key = 'feed.items:' .. feed, config_key = 'feed.config:' .. feed, publish = 'feed.publish:' .. feed,
    retract = 'feed.retract:' .. feed, edit = 'feed.edit:' .. feed, state_key = STATE .. feed, name = channel,
  }
end

local look_at_feeds
do

-- The same of a channel that has no history, without what only a feed needs.
local function state_of(channel)
  local feed = '{' .. channel .. '}'
  return {
    feed = feed, publishes_key = 'feed.publishes:' .. feed, publish = 'feed.publish:' .. feed, state_key = STATE .. feed,
    name = channel,
  }
end

-- Checks the caller's rights to write these feeds. All keys and all channels are looked at in two calls, where the
-- caller may call functions and subscribe; each command once. Otherwise each is asked for.
local function demand_feeds(targets)
  if not redis.acl_check_cmd then return end
  local keys, channels = {}, {}
  for _, target in ipairs(targets) do
    local at = #keys
    keys[at + 1], keys[at + 2], channels[#channels + 1] = target.publishes_key, target.state_key, target.publish
    if target.is_log then
      keys[at + 3], keys[at + 4], keys[at + 5] = target.ids_key, target.items_key, target.config_key
    end
  end
  -- A pattern is allowed where the user has it, letter by letter: this one stands for all channels.
  local is_alike = (redis.acl_check_cmd('PSUBSCRIBE', '*') or may(channels, 'SUBSCRIBE')) and may_write(keys)
  local is_asked = {}
  for _, target in ipairs(targets) do
    if not (is_alike and is_asked[target.is_log]) then
      is_asked[target.is_log] = true
      if target.is_log then
        demand('INCRBY', target.publishes_key, '1')
        demand('ZADD', target.ids_key, '0', '1')
        demand('ZREM', target.ids_key, '0')
        demand('HSET', target.items_key, '1', '')
        demand('HDEL', target.items_key, '0')
        demand('HSET', target.config_key, 'floor', '0')
      end
      demand('SET', target.state_key, '')
      demand('UNLINK', target.state_key)
      demand('PUBLISH', target.publish, '')
    end
  end
end

-- Looks at a feed that exists: sets what `append` needs, or returns an error when a key has a foreign type. The hash of
-- the items is looked at by `append`, which writes it first.
local function look_at_feed(target, known)
  target.before = tonumber(known)
  if not target.ids_key then
    for name, value in pairs(feed_of(target.name)) do target[name] = value end
  end
  if not (target.before and target.before >= 0 and target.before % 1 == 0) then
    return 'ERR value is not an integer or out of range'
  end
  target.config = redis.pcall('HMGET', target.config_key, 'floor', 'max_length', 'ttl', 'born', 'age', 'due',
    'closed', 'shortest')
  local newest = redis.pcall('ZRANGE', target.ids_key, -1, -1, 'WITHSCORES')
  target.is_new, target.has_feed = target.before == 0, target.before > 0
  -- Where a feed exists, its foreign configuration does not stop it: the floor is then found anew each time.
  local failure = failure_of(newest) or target.is_new and failure_of(target.config)
  if failure then return failure end
  target.newest = newest[2]
  target.born = not target.config.err and target.config[4] or nil
  target.closed = not target.config.err and target.config[7] or nil
  target.shortest = not target.config.err and target.config[8] or nil
  return nil
end

-- Looks at a channel that has no feed, but a state: numbers and birth go on. Returns an error when the key is foreign.
local function look_at_state(target, text)
  local state = read_state(text)
  if not state then return 'ERR ' .. target.state_key .. ' holds no state of a channel' end
  target.state, target.before, target.born, target.config = state, state.last, state.born, {}
  target.is_new = target.is_log
  return nil
end

-- Looks at a feed that no number was given out of, but that has a key all the same: one of a foreign type, for example.
local function look_at_remains(target)
  local state = failure_of(redis.pcall('GET', target.state_key))
  if state then return state end
  local known = redis.pcall('GET', target.publishes_key)
  local failure = failure_of(known) or failure_of(redis.pcall('HLEN', 'feed.items:' .. target.feed))
  if failure then return failure end
  return look_at_feed(target, known or '0')
end

-- Looks at the feeds of channels (`name`, `policy`) before they are written: checks the caller's rights (an error is
-- raised) and the types of the keys. Sets each one's `target`, which `keep` takes, or `failure` when a key has a foreign
-- type. A channel that stands there twice has one target. What can be read of all feeds at once is.
function look_at_feeds(channels)
  local named, targets, keys = {}, {}, {}
  for _, channel in ipairs(channels) do
    local target = named[channel.name]
    if not target then
      local is_log = not channel.policy or channel.policy.is_log
      target = is_log and feed_of(channel.name) or state_of(channel.name)
      target.is_log = is_log
      named[channel.name] = target
      targets[#targets + 1] = target
      keys[#keys + 1], keys[#keys + 2] = target.publishes_key, target.state_key
    end
    channel.target, channel.failure = target, nil
  end
  demand_feeds(targets)
  local fresh, parts = {}, {}
  for start = 1, #keys, CHUNK do
    local known = redis.call('MGET', unpack(keys, start, math.min(start + CHUNK - 1, #keys)))
    for offset = 1, #known, 2 do
      local target = targets[(start + offset) / 2]
      if known[offset] then
        target.failure = look_at_feed(target, known[offset])
      elseif known[offset + 1] then
        target.failure = look_at_state(target, known[offset + 1])
      else
        fresh[#fresh + 1] = target
        parts[#parts + 1], parts[#parts + 2] = target.publishes_key, target.state_key
        if target.is_log then
          parts[#parts + 1], parts[#parts + 2] = target.ids_key, target.items_key
          parts[#parts + 1] = target.config_key
        end
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
  for _, channel in ipairs(channels) do
    local target = channel.target
    if target.is_new or not target.is_log then
      if not swept then
        demand('HMGET', SWEPT, 'time')
        swept = look_at_swept(channels)
      end
      target.swept = swept
      target.failure = target.failure or swept.failure
      if not target.is_log then demand('HSET', SWEPT, 'time', '0') end
    end
    if target.is_new and target.is_log and unlisted == nil then
      demand('SADD', 'feeds', target.feed)
      demand('PUBLISH', 'newfeed', '')
      demand('PUBLISH', 'conffeed', '')
      unlisted = failure_of(redis.pcall('SCARD', 'feeds')) or false
    end
    if target.is_new and target.is_log then target.failure = target.failure or unlisted or nil end
    if target.has_feed and not target.is_log then
      demand('SREM', 'feeds', target.feed)
      demand('PUBLISH', 'delfeed', '')
      demand('UNLINK', target.ids_key, target.items_key, target.publishes_key, target.config_key)
      target.failure = target.failure or failure_of(redis.pcall('SCARD', 'feeds'))
    end
  end
  for _, channel in ipairs(channels) do channel.failure = channel.target.failure end
end

end

-- Writes down what `keep` has left for the end of a call: the numbers that were given out of all feeds, the names of the
-- new ones, and what has to be known of states when they are gone.
local function number_feeds(channels)
  local numbers, born, done = {}, {}, {}
  for _, channel in ipairs(channels) do
    local swept = channel.target.swept
    if swept then
      note_states(swept)
      break
    end
  end
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

-- Up to which number the events of a feed above `floor` were published before `time` (ms), and the time of the first one
-- that was not; nil when there is none. Times never fall with the numbers, but where somebody else wrote them: then the
-- lowest of some numbers counts.
local function aged(feed, floor, last, time)
  local young = redis.call('ZRANGEBYSCORE', 'feed.ids:' .. feed, string.format('%.3f', time), '+inf', 'WITHSCORES',
    'LIMIT', '0', FEW)
  local lowest, since
  for index = 1, #young, 2 do
    local number = tonumber(young[index])
    if number and number > floor and number <= last and young[index] == whole(number) and number < (lowest or last + 1)
    then
      lowest, since = number, tonumber(young[index + 1])
    end
  end
  if lowest then return lowest - 1, since end
  return #young < 2 * FEW and last or floor, nil
end

-- When a feed is looked at again for events that are older than `age`: a little later than the next one is, so that not
-- every call finds one.
local function next_look(age, since, clock)
  return whole((since or clock) + age + age / 64)
end

-- Appends events (raw strings) to a channel's feed that was looked at, and adds its announcements to `heard`, for `tell`.
-- Ids are the values of feed.publishes, so they are dense. Order and trimming go by them alone: the scores are times for
-- other clients and for `age`, and never fall. The field `floor` of feed.config is the number up to which the history has
-- been cut; it is written by the call that cuts. `clock` is a time (ms, with a fraction). Returns an error, with nothing
-- written, when the hash of the items has a foreign type. `number_feeds` has to follow.
local function append(target, events, policy, clock, heard)
  local feed, before, config, is_new = target.feed, target.before, target.config, target.is_new
  local history, ttl, age = policy.keep, policy.life, policy.age
  local count = #events
  local last = before + count
  local floor = not is_new and not config.err and tonumber(config[1] or '')
  -- The numbers of a state go on, and the feed keeps nothing of what was before.
  if not floor then floor = is_new and before or unwritten_floor(feed, before) end
  local length, period = whole(history), whole(age)
  local is_changed = config[2] ~= length or config[3] ~= ttl or (config[5] or '0') ~= period
  local old, due = floor, config[6]
  if age > 0 and is_new then
    due = next_look(age, nil, clock)
  elseif age > 0 and (is_changed or clock >= (tonumber(due or '') or 0)) then
    local since
    old, since = aged(feed, floor, before, clock - age)
    due = old > floor + CUT and '0' or next_look(age, since, clock)
  end
  -- A long history is cut by some numbers at once, every few calls.
  local long = last - history
  if not is_changed and long < floor + math.floor(history / SLACK) then long = floor end
  local cut = math.max(floor, math.min(math.max(long, old), floor + count + CUT))
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
  local edge = whole(cut)
  if is_new then
    -- `swept`: the latest birth of a feed that was removed before this one was born.
    if not target.born then
      local swept = target.swept
      target.born = whole(math.max(clock, swept.time))
      -- The clock is behind: a position that is given after the birth has to be later than it.
      if clock <= swept.time then swept.births = math.max(swept.births or 0, swept.time) end
    end
    local fields = {
      'type', 'feed', 'max_length', length, 'ttl', ttl, 'born', target.born, 'swept', whole(target.swept.born),
      'floor', edge,
    }
    if age > 0 then fields[13], fields[14], fields[15], fields[16] = 'age', period, 'due', due end
    redis.call('HSET', target.config_key, unpack(fields))
    target.is_born = true
    if target.state then redis.call('UNLINK', target.state_key) end
  elseif not config.err then
    if is_changed then
      redis.call('HSET', target.config_key, 'max_length', length, 'ttl', ttl, 'floor', edge, 'age', period, 'due',
        due or '0')
      -- Records of what stands in the feed may have been written for the time that was meant before: rewriting.lua.
      local meant = tonumber(config[3] or '')
      if meant and meant < tonumber(ttl) and meant < (tonumber(target.shortest or '') or LONGEST) then
        target.shortest = whole(meant)
        redis.call('HSET', target.config_key, 'shortest', target.shortest)
      end
    elseif due ~= config[6] then
      redis.call('HSET', target.config_key, 'floor', edge, 'due', due)
    elseif config[1] ~= edge then
      redis.call('HSET', target.config_key, 'floor', edge)
    end
  end
  remove(feed, gone)
  if last % 64 < count then remove_strays(feed, cut, last) end
  -- For a further append of this call.
  target.before, target.last, target.is_new, target.newest, target.cut = last, last, false, ids[#ids - 1], cut
  if not config.err then target.config = { edge, length, ttl, target.born, period, due } end

  if is_new then
    hear(heard, 'newfeed', feed, 'tidings')
    hear(heard, 'conffeed', feed, 'tidings')
  end
  for index, event in ipairs(events) do hear(heard, target.publish, ids[2 * index], event) end
  return nil
end

-- Publishes events in a channel that was looked at, as its policy says. Returns an error, with nothing written, when a key
-- has a foreign type. `places` is shared by the channels of a call, those with a history first: for each of `indexes`,
-- which name the events, where it can be read longest.
local function keep(channel, events, indexes, places, clock, heard)
  local policy, target = channel.policy, channel.target
  if not policy.is_log then
    return put_state(target, policy, events, places[indexes[#events]], clock, heard)
  end
  local failure = append(target, events, policy, clock, heard)
  if failure or not target.born then return failure end
  for position = 1, #events do
    local index, number = indexes[position], target.before - #events + position
    if number > target.cut and outlives(policy, places[index]) then
      places[index] = { channel = channel.name, born = target.born, number = number, policy = policy }
    end
  end
  return nil
end

-- tidings_publish 0 CHANNEL HISTORY TTL EVENT…  ->  the last sequence number
-- tidings_publish 1 EPOCH-KEY CHANNEL HISTORY TTL EVENT…  renews that epoch first when it is not sure.
-- HISTORY: how many events the channel keeps, COUNT/AGE with an age in ms, `none` or `state`.
local function publish(keys, args)
  local events, indexes = {}, {}
  for index = 4, #args do events[#events + 1], indexes[#indexes + 1] = args[index], index - 3 end
  local count, age = string.match(args[2], '^(%d+)/(%d+)$')
  local policy = policy_of(kind_of(args[1]), count or args[2], age or '0', args[3])
  if not policy then return redis.error_reply('ERR HISTORY is COUNT, COUNT/MS, none or state, not ' .. args[2]) end
  local channel, heard = { name = args[1], policy = policy }, {}
  look_at_feeds({ channel })
  if not channel.failure and keys[1] then renew_if_unsure(mark_of(keys[1])) end
  local failure = channel.failure or keep(channel, events, indexes, {}, now_us() / 1000, heard)
  if failure then return redis.error_reply(failure) end
  number_feeds({ channel })
  tell(heard)
  return channel.target.before
end

-- tidings_history 1 EPOCH-KEY CHANNEL AFTER LIMIT [BYTES [FACTS]]
-- ->  {epoch, born (ms), last, state, floor + 1, sequence, event, sequence, event, …}: the newest LIMIT events that are kept
-- after AFTER, oldest first. STATE is 1 for a channel of which only the newest event counts, else 0. With BYTES it is the oldest: up to LIMIT events with at most BYTES bytes together, or one
-- event of any size. Hardly more of the feed is read than that. A feed that does not exist has born and last 0; one of
-- another client, whose birth nobody knows, has born 1. Processes of older versions take state and floor + 1 for the
-- capacity and the oldest kept. An error UNSURE when the epoch may not belong to the
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
  local state = last == 0 and read_state(redis.call('GET', STATE .. feed) or '')
  if state then return state_history(state, epoch, after, limit, room, args[5]) end
  local config = redis.call('HMGET', 'feed.config:' .. feed, 'born', 'floor', 'swept', 'closed')
  local floor = math.min(last, tonumber(config[2] or '') or unwritten_floor(feed, last))
  local born = config[1] or (last > 0 and '1' or '0')
  local answer = { epoch, born, whole(last), '0', whole(floor + 1) }
  if args[5] == '1' or args[5] == '2' then
    if config[3] then
      answer[6], answer[7] = '0', config[3]
    else
      answer[6], answer[7] = swept_before(args[1])
    end
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

-- What a feed has lost by the age of its events, at most `room` numbers; nil when it is not time to look, or a key is
-- foreign. `config`: age, due, floor.
local function outdated(feed, age, due, floor, now, room)
  age = tonumber(age or '') or 0
  if age <= 0 or now < (tonumber(due or '') or 0) or room <= 0 then return nil end
  local last, items = redis.pcall('GET', 'feed.publishes:' .. feed), redis.pcall('HLEN', 'feed.items:' .. feed)
  last = type(last) == 'string' and tonumber(last)
  if not last or type(items) == 'table' then return nil end
  floor = tonumber(floor or '') or unwritten_floor(feed, last)
  local cut, since = aged(feed, floor, last, now - age)
  local whole_cut = cut
  cut = math.min(cut, floor + room)
  return { feed = feed, floor = floor, cut = cut, due = cut < whole_cut and '0' or next_look(age, since, now) }
end

-- tidings_sweep 0 CURSOR SHARE  ->  {next cursor, feeds removed}
-- Looks at one in SHARE of the feeds (two at least) and removes those that have been idle for their `ttl` (ms): whole,
-- also from `feeds`. Of the others it takes what is older than their `age`. Feeds without a ttl are not ours. Writes down
-- the latest birth among those that it removes.
local function sweep(_, args)
  local now = now_us() / 1000
  local count = math.max(2, math.ceil(redis.call('SCARD', 'feeds') / tonumber(args[2])))
  local page = redis.call('SSCAN', 'feeds', args[1], 'COUNT', count)
  local idle, latest, shortened, room = {}, nil, {}, CUT
  for _, feed in ipairs(page[2]) do
    -- A key of another type is not ours either; the sweep goes on.
    local config = redis.pcall('HMGET', 'feed.config:' .. feed, 'ttl', 'born', 'age', 'due', 'floor')
    local ttl = not config.err and tonumber(config[1] or '')
    local newest = ttl and redis.pcall('ZRANGE', 'feed.ids:' .. feed, -1, -1, 'WITHSCORES')
    if ttl and ttl > 0 and not newest.err and (not newest[2] or tonumber(newest[2]) < now - ttl) then
      demand('SREM', 'feeds', feed)
      demand('UNLINK', 'feed.config:' .. feed)
      idle[#idle + 1] = feed
      -- A feed that another client created tells no birth: its newest event is later than that.
      latest = math.max(latest or 0, math.floor(tonumber(config[2] or newest[2] or '') or now))
    elseif ttl and not newest.err then
      local old = outdated(feed, config[3], config[4], config[5], now, room)
      if old then
        demand('HSET', 'feed.config:' .. feed, 'floor', '0')
        demand('ZREM', 'feed.ids:' .. feed, '0')
        demand('HDEL', 'feed.items:' .. feed, '0')
        shortened[#shortened + 1] = old
        room = room - (old.cut - old.floor)
      end
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
  for _, old in ipairs(shortened) do
    redis.call('HSET', 'feed.config:' .. old.feed, 'floor', whole(old.cut), 'due', old.due)
    local gone = {}
    for id = old.floor + 1, old.cut do gone[#gone + 1] = whole(id) end
    remove(old.feed, gone)
  end
  return { page[1], #idle }
end

register('tidings_publish', publish)
register('tidings_history', history, 'no-writes')
register('tidings_sweep', sweep, 'allow-oom')
