#!lua name=tidings

--[[
The function library of Tidings: every step that has to be atomic. Contract: docs/contract.md.

Rules that hold for all of it:
- Check first, write last: Redis does not roll a script back.
- A lane's hash holds: owner, token, deadline (ms), serial (of the last commit), attempts, tried (the token that the
  last of them was counted under), dirty, paused, and the counters in, out, emitted, dropped, dead, held. `in` counts
  arrivals, so that for every stage in = out + dropped + dead + held + LLEN(queue); a door's arrivals are not seen, so
  it counts them when it takes them.
- Time is the server's (TIME): no clock of another host matters.
- Functions that only drain are flagged allow-oom: they free memory and have to work when it is full.
]]

-- Raised with every change of this file; processes replace an older library by theirs.
local VERSION = 7

-- Lua's unpack puts everything on the stack, which ends near 8,000 values.
local CHUNK = 1000

-- Events that are read at once when only so many bytes are wanted: what is read too much is thrown away.
local FEW = 32

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function whole(number)
  return string.format('%.0f', number)
end

local function split(text, separator)
  local words = {}
  for word in string.gmatch(text, '[^' .. separator .. ']+') do words[#words + 1] = word end
  return words
end

-- Calls a command that takes many values, in pieces: command, key, then the values of `list` from `first` to `last`.
local function call_in_chunks(command, key, list, first, last)
  local result
  for from = first, last, CHUNK do
    result = redis.call(command, key, unpack(list, from, math.min(from + CHUNK - 1, last)))
  end
  return result
end

-- The same, but gives the error instead of raising it; nil when all went well. A key of a foreign type fails at the
-- first piece, so that nothing was written.
local function try_in_chunks(command, key, list)
  for from = 1, #list, CHUNK do
    local result = redis.pcall(command, key, unpack(list, from, math.min(from + CHUNK - 1, #list)))
    if type(result) == 'table' and result.err then return result.err end
  end
end

-- Counts in a field of a hash. One that somebody has made something else than a number begins anew: a counter is no
-- reason to fail half-way.
local function tally(key, field, number)
  local sum = redis.pcall('HINCRBY', key, field, number)
  if type(sum) == 'table' then redis.call('HSET', key, field, number) end
end

-- Keys ----------------------------------------------------------------------------------------------------------------

-- Partition '' is the open door NAME:incoming, which belongs to no partition.
local function prefix(name, partition)
  if partition == '' then return name end
  return '{' .. name .. '.' .. partition .. '}'
end

local function queue_key(name, partition, stage)
  if stage == 'incoming' then return prefix(name, partition) .. ':incoming' end
  return prefix(name, partition) .. ':queue:' .. stage
end

-- A door counts what it takes, not what arrives: strangers push into it.
local function is_door(queue)
  return string.sub(queue, -9) == ':incoming'
end

local function lane_key(name, partition, stage)
  return prefix(name, partition) .. ':lane:' .. stage
end

-- Every lane of a pipeline as {partition, stage}, partition by partition, the open door first: neighbours in a worker
-- hand on to each other.
local function lanes_of(partitions, stages)
  local lanes = { { '', 'incoming' } }
  for partition = 0, partitions - 1 do
    lanes[#lanes + 1] = { tostring(partition), 'incoming' }
    for _, stage in ipairs(stages) do lanes[#lanes + 1] = { tostring(partition), stage } end
  end
  return lanes
end

-- Feeds (Thoonk, second generation) -----------------------------------------------------------------------------------

-- Appends events (raw strings) to a channel's feed and announces them. Ids are the values of feed.publishes, so they
-- are dense: what falls off the history is known by arithmetic. `clock` is a score (ms, with a fraction) no smaller
-- than any the lane used before. Gives the last sequence number, or nil and an error, and no trace, when a key of
-- the feed holds a foreign type.
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
  -- A limit that was changed reaches the feed now and then; a foreign key in the place of its configuration is no
  -- reason to fail half-way.
  if not is_new and last % 16 < count then
    redis.pcall('HSET', 'feed.config:' .. feed, 'max_length', history, 'ttl', ttl)
  end
  for index, event in ipairs(events) do
    local id = first + index - 1
    -- One at a time, as every publisher of Thoonk does it: no id is retracted before it was published.
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
-- ->  {epoch, born (ms), last, capacity, oldest kept, sequence, event, sequence, event, …}: what is kept after AFTER,
-- the newest LIMIT of it, oldest first. With BYTES it is the oldest: up to LIMIT events of together so many bytes, and
-- one whatever its size. Hardly more is read of the feed than that. A feed that does not exist has zeros.
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
  -- Where numbers are far more than items (nothing kept, much retracted, ids of another client), the items are gone
  -- through and not the numbers: those may be millions.
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
      -- An item that was retracted leaves a hole, which is no loss.
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
    -- A key of another type is not ours either, and no reason to leave the others uncleared.
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

-- Configuration and epoch ---------------------------------------------------------------------------------------------

-- The processes that were heard within the last `lease` ms, as a list and as a set.
local function live_processes(name, lease, now_ms)
  local list = redis.call('ZRANGEBYSCORE', name .. ':procs', whole(now_ms - lease), '+inf')
  local set = {}
  for _, id in ipairs(list) do set[id] = true end
  return list, set
end

-- Gives every partition a new epoch when the server is not the one that it was: it may have lost events. The number is
-- at least the time in seconds, so that a lost second of the append-only file cannot issue it twice.
local function renew_epoch(name, partitions)
  local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local seconds = math.floor(now_us() / 1000000)
  for partition = 0, partitions - 1 do
    local key = prefix(name, tostring(partition)) .. ':epoch'
    local known = redis.call('HMGET', key, 'run_id', 'number')
    if known[1] ~= run_id then
      redis.call('HSET', key, 'run_id', run_id, 'number', whole(math.max(tonumber(known[2] or 0) + 1, seconds)))
    end
  end
end

-- tidings_hello 0 NAME CONTRACT PARTITIONS STAGES  ->  {'OK'} or {'DIFFERS', field, in Redis, given, why it stands}
-- Called by every process each time it has connected, before anything else. Stages are separated by commas. A
-- configuration that differs is taken over when nothing would be stranded by it: no process lives and the queues that
-- it would orphan are empty.
local function hello(_, args)
  local name, contract, partitions, stages = args[1], args[2], args[3], args[4]
  local key = name .. ':config'
  local known = redis.call('HMGET', key, 'contract', 'partitions', 'stages')
  local given = { contract, partitions, stages }
  local fields = { 'contract', 'partitions', 'stages' }
  for index, field in ipairs(fields) do
    if known[index] and known[index] ~= given[index] then
      local alive = #live_processes(name, 15000, now_us() / 1000)
      if alive > 0 then
        return { 'DIFFERS', field, known[index], given[index], alive .. ' processes run with it; stop them first' }
      end
      for _, lane in ipairs(lanes_of(tonumber(known[2]), split(known[3], ','))) do
        local queue = queue_key(name, lane[1], lane[2])
        -- The open door belongs to every shape; a queue of a stage that stays is not orphaned by the others.
        local stays = lane[1] == ''
          or field == 'stages' and string.find(',' .. stages .. ',incoming,', ',' .. lane[2] .. ',', 1, true)
        local waiting = redis.call('LLEN', queue)
        if not stays and waiting > 0 then
          return { 'DIFFERS', field, known[index], given[index], queue .. ' still holds ' .. waiting .. ' events' }
        end
      end
    end
  end
  redis.call('HSET', key, 'contract', contract, 'partitions', partitions, 'stages', stages)
  renew_epoch(name, tonumber(partitions))
  return { 'OK' }
end

-- Lanes ---------------------------------------------------------------------------------------------------------------

-- A lease lasts until its deadline, or for as long as the last heartbeat of its owner is younger than the lease,
-- whichever is later: so an idle lane costs no renewal. `live` holds the owners with such a heartbeat.
local function is_free(owner, deadline, live, now_ms)
  return not owner or owner == '' or (tonumber(deadline or 0) < now_ms and not live[owner])
end

-- A key of another type holds no events: its lane finds out and says so, the others are not to suffer for it.
local function has_events(queue)
  local length = redis.pcall('LLEN', queue)
  return type(length) == 'number' and length > 0
end

-- Takes a lane that is free. Gives its token, larger than any before, whether the one who had it may have died over the
-- head of the queue, and how often that event was begun alone before. Where nothing waits, nobody died over anything.
local function take(lane, queue, owner, lease, us)
  local known = redis.call('HMGET', lane, 'owner', 'token', 'dirty', 'attempts')
  local token = whole(math.max(tonumber(known[2] or 0) + 1, us))
  local was_dirty = known[3] == '1' or known[3] == '2'
  local careful = (was_dirty or (known[1] and known[1] ~= '')) and has_events(queue)
  local attempts = careful and known[4] or '0'
  redis.call('HSET', lane, 'owner', owner, 'token', token, 'deadline', whole(us / 1000 + lease), 'serial', '',
    'dirty', careful and '2' or '1', 'attempts', attempts)
  return token, careful and '1' or '0', attempts
end

-- tidings_claim 2 LANE QUEUE NAME OWNER LEASE  ->  {'OK', token, careful, attempts} or {'TAKEN', owner, deadline}
local function claim(keys, args)
  local us = now_us()
  local lease = tonumber(args[3])
  local known = redis.call('HMGET', keys[1], 'owner', 'deadline')
  local _, live = live_processes(args[1], lease, us / 1000)
  if not is_free(known[1], known[2], live, us / 1000) then return { 'TAKEN', known[1], known[2] } end
  local token, careful, attempts = take(keys[1], keys[2], args[2], lease, us)
  return { 'OK', token, careful, attempts }
end

-- The attempt that was counted under this token has come back: it killed nobody.
local function take_back(lane, token)
  local known = redis.call('HMGET', lane, 'tried', 'attempts')
  if known[1] ~= token then return end
  redis.call('HSET', lane, 'tried', '', 'attempts', whole(math.max(0, (tonumber(known[2] or 0) or 0) - 1)))
end

-- tidings_release 1 LANE TOKEN NAME [CAREFUL]  ->  {'OK'} or {'FENCED'}. Nothing is in hand: the next owner need not be
-- careful, unless this one had to be and is not done with it: it says so by CAREFUL '1', or has not come past the head.
local function release(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'dirty', 'serial')
  if known[1] ~= args[1] then return { 'FENCED' } end
  if args[3] == '1' or known[2] == '2' and known[3] == '' then
    take_back(keys[1], args[1])
    redis.call('HSET', keys[1], 'owner', '', 'deadline', '0', 'dirty', '1')
  else
    redis.call('HSET', keys[1], 'owner', '', 'deadline', '0', 'dirty', '0', 'attempts', '0')
  end
  redis.call('PUBLISH', args[2] .. ':control', 'free')
  return { 'OK' }
end

-- tidings_bury 0 NAME OWNER…  ->  how many lanes were freed. For the supervisor that saw these workers die: ends their
-- leases at once, theirs only.
local function bury(_, args)
  local name = args[1]
  local config = redis.call('HMGET', name .. ':config', 'partitions', 'stages')
  local dead = {}
  for index = 2, #args do
    dead[args[index]] = true
    redis.call('ZREM', name .. ':procs', args[index])
    redis.call('DEL', name .. ':proc:' .. args[index])
  end
  if not config[1] then return 0 end
  local freed = 0
  for _, lane in ipairs(lanes_of(tonumber(config[1]), split(config[2], ','))) do
    local key = lane_key(name, lane[1], lane[2])
    local owner = redis.call('HGET', key, 'owner')
    if owner and dead[owner] then
      redis.call('HSET', key, 'owner', '', 'deadline', '0')
      freed = freed + 1
    end
  end
  redis.call('PUBLISH', name .. ':control', 'free')
  return freed
end

-- tidings_attempt 1 LANE TOKEN [BACK]  ->  {'OK', attempts} or {'FENCED'}. Counts a try of the head event before it is
-- made; the next commit sets the count back. The same again, after a lost reply, counts nothing: a token has one try.
-- With BACK '1' its try has ended without a commit, and is no longer counted.
local function attempt(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'tried', 'attempts')
  if known[1] ~= args[1] then return { 'FENCED' } end
  if args[2] == '1' then
    take_back(keys[1], args[1])
    return { 'OK', tonumber(redis.call('HGET', keys[1], 'attempts') or 0) or 0 }
  end
  if known[2] == args[1] then return { 'OK', tonumber(known[3] or 0) or 0 } end
  redis.call('HSET', keys[1], 'tried', args[1])
  return { 'OK', redis.call('HINCRBY', keys[1], 'attempts', 1) }
end

-- Repeats -------------------------------------------------------------------------------------------------------------

-- Two sets of keys, the new one and the one before it: a key is remembered for at least `window` ms and at most twice
-- that, and never more than `cap` of them.
local function open_seen(lane, key, window, cap, now_ms)
  local recent, older = key .. ':new', key .. ':old'
  local since = tonumber(redis.call('HGET', lane, 'seen_since') or 0)
  if now_ms - since >= window or redis.call('SCARD', recent) >= cap / 2 then
    redis.call('UNLINK', older)
    if redis.call('EXISTS', recent) == 1 then redis.call('RENAME', recent, older) end
    redis.call('HSET', lane, 'seen_since', whole(now_ms))
  end
  return recent, older
end

-- Jobs ----------------------------------------------------------------------------------------------------------------

-- An event that came from a Thoonk job feed begins with a member of ours, which no stage sees:
--   {"_job":["FEED","ID","TICKET"],…
-- NAME:jobs holds FEED NUL ID -> TICKET of those on their way. The job is finished by the commit that ends its event.

local function name_of(key)
  return string.match(key, '^{(.+)%.%d+}:') or string.match(key, '^([^:]+):')
end

-- The job that an event or a letter came from, or nil.
local function job_of(text)
  if not string.find(text, '"_job":[', 1, true) then return nil end
  local good, object = pcall(cjson.decode, text)
  if not good or type(object) ~= 'table' then return nil end
  local job = object._job or type(object.event) == 'table' and object.event._job
  return type(job) == 'table' and #job == 3 and job or nil
end

-- Ends a job's stay here, once. OUTCOME is 'stalled', for an operator to look at, or what its result says: 'published',
-- 'done', 'dropped: REASON'. A job that has been given to somebody else meanwhile is his; one that was stalled by us and
-- whose event has been sent on its way again is finished all the same. Foreign keys are no reason to fail half-way.
local function settle(name, job, outcome)
  local feed, id, ticket = tostring(job[1]), tostring(job[2]), tostring(job[3])
  local field = feed .. '\0' .. id
  local is_ours = redis.pcall('HGET', name .. ':jobs', field) == ticket
  if is_ours then
    redis.call('HDEL', name .. ':jobs', field)
    if type(redis.pcall('ZSCORE', 'feed.claimed:' .. feed, id)) ~= 'string' then return end
  elseif outcome == 'stalled' or redis.pcall('SISMEMBER', 'feed.stalled:' .. feed, id) ~= 1 then
    return
  end
  redis.pcall('ZREM', 'feed.claimed:' .. feed, id)
  redis.pcall('HDEL', 'feed.cancelled:' .. feed, id)
  redis.pcall('ZREM', 'feed.published:' .. feed, id)
  if outcome == 'stalled' then
    redis.pcall('SADD', 'feed.stalled:' .. feed, id)
  else
    redis.pcall('SREM', 'feed.stalled:' .. feed, id)
    redis.pcall('HDEL', 'feed.items:' .. feed, id)
    redis.pcall('INCR', 'feed.finishes:' .. feed)
    redis.call('PUBLISH', 'job.finish:' .. feed, id .. '\0' .. outcome)
  end
end

-- Commit --------------------------------------------------------------------------------------------------------------

-- A commit's operations follow each other in the arguments; each begins with its name. `read` gives the next argument.
local readers = {
  -- push QUEUE LANE LIMIT k event…
  push = function(read)
    local op = { queue = read(), lane = read(), limit = tonumber(read()), events = {} }
    for _ = 1, tonumber(read()) do op.events[#op.events + 1] = read() end
    return op
  end,
  -- once QUEUE LANE LIMIT SEEN WINDOW CAP k (key event)…
  -- A key of one NUL: no repeat of anything. An empty key: this came of the same event as the one before, shares its
  -- fate and is not counted again.
  once = function(read)
    local op = {
      queue = read(), lane = read(), limit = tonumber(read()), seen = read(), window = tonumber(read()),
      cap = tonumber(read()), keys = {}, candidates = {},
    }
    for _ = 1, tonumber(read()) do
      op.keys[#op.keys + 1] = read()
      op.candidates[#op.candidates + 1] = read()
    end
    return op
  end,
  -- feeds HISTORY TTL DEAD CAP n event… c (channel k index…)…
  feeds = function(read)
    local op = { history = tonumber(read()), ttl = read(), dead = read(), cap = tonumber(read()) }
    op.events, op.channels = {}, {}
    for _ = 1, tonumber(read()) do op.events[#op.events + 1] = read() end
    for _ = 1, tonumber(read()) do
      local channel = { name = read(), events = {} }
      for _ = 1, tonumber(read()) do channel.events[#channel.events + 1] = op.events[tonumber(read())] end
      op.channels[#op.channels + 1] = channel
    end
    return op
  end,
  -- letter FIELD LIST CAP k letter…   (FIELD: the counter, dead or held)
  letter = function(read)
    local op = { field = read(), list = read(), cap = tonumber(read()), letters = {} }
    for _ = 1, tonumber(read()) do op.letters[#op.letters + 1] = read() end
    return op
  end,
  -- settle OUTCOME k job…   (a job: ["FEED","ID","TICKET"])
  settle = function(read)
    local op = { outcome = read(), jobs = {} }
    for _ = 1, tonumber(read()) do
      local good, job = pcall(cjson.decode, read())
      if good and type(job) == 'table' and #job == 3 then op.jobs[#op.jobs + 1] = job end
    end
    return op
  end,
  -- count FIELD n
  count = function(read)
    return { field = read(), number = tonumber(read()) }
  end,
}

-- Gives how many of the oldest letters fell off.
local function store_letters(lane, field, list, cap, letters)
  call_in_chunks('RPUSH', list, letters, 1, #letters)
  tally(lane, field, #letters)
  local over = redis.call('LLEN', list) - cap
  if over > 0 then
    for _, letter in ipairs(redis.call('LRANGE', list, 0, over - 1)) do
      local job = job_of(letter)
      if job then settle(name_of(lane), job, 'stalled') end
    end
    redis.call('LTRIM', list, over, -1)
    tally(lane, field .. ':forgotten', over)
  end
  return math.max(0, over)
end

local function hand_on(op, events)
  if #events == 0 then return end
  call_in_chunks('RPUSH', op.queue, events, 1, #events)
  tally(op.lane, 'in', #events)
end

-- The event with the one channel that it still has to reach: so that a retry brings it there and nowhere else.
local function addressed(event, channel)
  if not string.match(event, '^{%s*"') then return event end
  return '{"channels":' .. cjson.encode({ channel }) .. ',' .. string.sub(event, 2)
end

-- Each gives how many letters fell off a full list, or nothing.
local writers = {
  push = function(op, lane)
    hand_on(op, op.events)
    tally(lane, 'emitted', #op.events)
  end,
  once = function(op, lane, now_ms)
    local recent, older = open_seen(lane, op.seen, op.window, op.cap, now_ms)
    local fresh, is_fresh, out, repeated = {}, false, 0, 0
    for index, key in ipairs(op.keys) do
      if key ~= '' then
        is_fresh = key == '\0'
          or redis.call('SISMEMBER', older, key) == 0 and redis.call('SADD', recent, key) == 1
        if is_fresh then out = out + 1 else repeated = repeated + 1 end
      end
      local job = not is_fresh and job_of(op.candidates[index])
      if job then settle(name_of(lane), job, 'dropped: duplicate') end
      if is_fresh then fresh[#fresh + 1] = op.candidates[index] end
    end
    redis.call('PEXPIRE', recent, op.window * 2)
    hand_on(op, fresh)
    tally(lane, 'out', out)
    tally(lane, 'emitted', #fresh)
    if repeated > 0 then
      tally(lane, 'dropped', repeated)
      tally(lane, 'dropped:duplicate', repeated)
    end
  end,
  feeds = function(op, lane, _, clock)
    local forgotten = 0
    for _, channel in ipairs(op.channels) do
      local last, failure = append(channel.name, channel.events, op.history, op.ttl, clock)
      if last then
        tally(lane, 'emitted', #channel.events)
      else
        -- A foreign key stands where the feed should be: the events are kept for whoever clears it.
        local letters = {}
        for index, event in ipairs(channel.events) do
          letters[index] = cjson.encode({
            id = op.commit .. '-' .. channel.name .. '-' .. index, event = addressed(event, channel.name),
            stage = 'publish', attempts = 1,
            time = math.floor(clock),
            error = 'feed {' .. channel.name .. '}: ' .. failure .. '; delete the foreign key and retry',
          })
        end
        forgotten = forgotten + store_letters(lane, 'unpublished', op.dead, op.cap, letters)
      end
    end
    return forgotten
  end,
  letter = function(op, lane)
    return store_letters(lane, op.field, op.list, op.cap, op.letters)
  end,
  settle = function(op, lane)
    for _, job in ipairs(op.jobs) do settle(name_of(lane), job, op.outcome) end
  end,
  count = function(op, lane)
    tally(lane, op.field, op.number)
  end,
}

-- tidings_commit 2 LANE QUEUE TOKEN SERIAL COUNT FIRST LAST LEASE operation…
-- ->  {'OK'} or {'OK', letters that fell off a full list}, {'FENCED'}, {'MOVED'} (the queue does not start with this batch any more) or {'FULL', queue, length}
-- Takes COUNT events off the queue and does what became of them, all or nothing. The same SERIAL again, or one that
-- comes late, after its successor: {'OK'}, nothing done. Who asks has outlived his try of the head event, whatever the
-- answer; what was counted for a head that is gone does not count for the next one.
local function commit(keys, args)
  local lane, queue = keys[1], keys[2]
  local known = redis.call('HMGET', lane, 'token', 'serial', 'clock', 'attempts')
  if known[1] ~= args[1] then return { 'FENCED' } end
  local done = tonumber(known[2])
  if done and tonumber(args[2]) <= done then return { 'OK' } end
  local count = tonumber(args[3])
  if redis.call('LINDEX', queue, 0) ~= args[4] then
    if known[4] and known[4] ~= '0' then redis.call('HSET', lane, 'attempts', '0', 'tried', '') end
    return { 'MOVED' }
  end
  if count > 1 and redis.call('LINDEX', queue, count - 1) ~= args[5] then return { 'MOVED' } end

  local operations = {}
  local position = 6
  local function read()
    position = position + 1
    return args[position]
  end
  while position < #args do
    local name = read()
    local op = readers[name](read)
    op.name = name
    op.commit = args[1] .. '-' .. args[2]
    -- A look at each key that will be written: one that holds a foreign type raises its error here, before anything is.
    if op.lane then redis.call('HLEN', op.lane) end
    if op.list or op.dead then redis.call('LLEN', op.list or op.dead) end
    if op.seen then
      redis.call('SCARD', op.seen .. ':new')
      redis.call('SCARD', op.seen .. ':old')
    end
    if op.queue then
      local length = redis.call('LLEN', op.queue)
      if op.limit > 0 and length >= op.limit then
        take_back(lane, args[1])
        return { 'FULL', op.queue, length }
      end
    end
    operations[#operations + 1] = op
  end

  local us = now_us()
  local now_ms = us / 1000
  local clock = math.max(now_ms, tonumber(known[3] or 0) + 0.001)
  redis.call('HSET', lane, 'serial', args[2], 'attempts', '0', 'tried', '',
    'deadline', whole(now_ms + tonumber(args[6])), 'clock', string.format('%.3f', clock + count * 0.001))
  redis.call('LTRIM', queue, count, -1)
  local forgotten = 0
  for _, op in ipairs(operations) do forgotten = forgotten + (writers[op.name](op, lane, now_ms, clock) or 0) end
  if forgotten > 0 then return { 'OK', forgotten } end
  return { 'OK' }
end

-- tidings_enqueue 2n QUEUE LANE… LIMIT (k event…)…  ->  {'OK'} or {'FULL', queue, length}
-- Puts events into one queue or several, all or nothing. Not flagged allow-oom: when memory is full the door is shut.
local function enqueue(keys, args)
  local limit = tonumber(args[1])
  for index = 1, #keys, 2 do
    local length = redis.call('LLEN', keys[index])
    if limit > 0 and length >= limit then return { 'FULL', keys[index], length } end
    redis.call('HLEN', keys[index + 1])
  end
  local position = 2
  for index = 1, #keys, 2 do
    local count = tonumber(args[position])
    call_in_chunks('RPUSH', keys[index], args, position + 1, position + count)
    tally(keys[index + 1], 'in', count)
    position = position + count + 1
  end
  return { 'OK' }
end

-- Doors from Thoonk ---------------------------------------------------------------------------------------------------

-- Scores of a feed below this are seconds, as the Python client writes them; above, milliseconds.
local SECONDS_END = 100000000000

-- How far the clocks of a feed's writers may be apart, in ms: what appears that much behind is still found.
local LATE_MS = 60000

-- Each takes up to `draw.count` items out of its source and gives their events, oldest first, and how many it saw.
local drawers = {}

-- A queue: what is taken is gone there.
function drawers.queue(draw)
  local ids_key, items_key = 'feed.ids:' .. draw.feed, 'feed.items:' .. draw.feed
  redis.call('LLEN', ids_key)
  redis.call('HLEN', items_key)
  local ids = redis.call('RPOP', ids_key, draw.count) or {}
  if #ids == 0 then return {}, 0 end
  local events = {}
  for index, item in ipairs(redis.call('HMGET', items_key, unpack(ids))) do
    -- An id without an item: an old client died between two steps.
    if item then events[#events + 1] = item end
    ids[index] = tostring(ids[index])
  end
  redis.call('HDEL', items_key, unpack(ids))
  return events, #ids
end

-- A job feed: taking and claiming is one step; the job ends with its event. One that is on its way here already, and
-- that somebody has put back into the list, is claimed again and not doubled. What is no JSON object is stalled at once.
function drawers.job(draw)
  local feed = draw.feed
  redis.call('LLEN', 'feed.ids:' .. feed)
  redis.call('HLEN', 'feed.items:' .. feed)
  redis.call('ZCARD', 'feed.claimed:' .. feed)
  redis.call('SCARD', 'feed.stalled:' .. feed)
  redis.call('ZCARD', 'feed.published:' .. feed)
  redis.call('HLEN', 'feed.cancelled:' .. feed)
  redis.call('HLEN', draw.name .. ':jobs')
  local ids = redis.call('RPOP', 'feed.ids:' .. feed, draw.count) or {}
  local events, us = {}, now_us()
  for index, id in ipairs(ids) do
    local item = redis.call('HGET', 'feed.items:' .. feed, id)
    local field = feed .. '\0' .. id
    if item then
      redis.call('ZADD', 'feed.claimed:' .. feed, whole(us / 1000), id)
      if redis.call('HEXISTS', draw.name .. ':jobs', field) == 0 then
        local ticket = whole(us + index)
        redis.call('HSET', draw.name .. ':jobs', field, ticket)
        local rest = string.match(item, '^%s*{%s*(.+)$')
        local good, object = pcall(cjson.decode, item)
        if rest and good and type(object) == 'table' then
          local comma = string.sub(rest, 1, 1) == '}' and '' or ','
          events[#events + 1] = '{"_job":' .. cjson.encode({ feed, id, ticket }) .. comma .. rest
        else
          settle(draw.name, { feed, id, ticket }, 'stalled')
        end
      end
    end
  end
  return events, #ids
end

-- What a feed holds beyond a position, in one of the two scales: first what has appeared behind the position since, then
-- what is ahead of it. `taken` are the ids, with their scores, that were given lately: to compare their number with that
-- in the feed tells at little cost whether something is new behind. An edited item has a new score and comes again.
local function draw_scale(draw, scale, low, high, late)
  local ids_key, state = 'feed.ids:' .. draw.feed, draw.name .. ':door:' .. draw.feed
  local taken = state .. ':' .. scale
  redis.call('ZCARD', taken)
  local found = {}
  local position = redis.call('HGET', state, scale)
  if not position and draw.from == 'now' then
    position = redis.call('ZREVRANGEBYSCORE', ids_key, high, low, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if position then
      local known = redis.call('ZRANGEBYSCORE', ids_key, math.max(0, tonumber(position) - late), high, 'WITHSCORES')
      for index = 1, #known, 2 do redis.call('ZADD', taken, known[index + 1], known[index]) end
    end
  end
  if position then
    local from = string.format('%.17g', math.max(0, tonumber(position) - late))
    redis.call('ZREMRANGEBYSCORE', taken, '-inf', '(' .. from)
    if redis.call('ZCOUNT', ids_key, from, position) ~= redis.call('ZCARD', taken) then
      local there = redis.call('ZRANGEBYSCORE', ids_key, from, position, 'WITHSCORES')
      local kept = {}
      for index = 1, #there, 2 do
        if redis.call('ZSCORE', taken, there[index]) == there[index + 1] then
          kept[#kept + 1], kept[#kept + 2] = there[index + 1], there[index]
        elseif #found < draw.room then
          found[#found + 1] = there[index]
          kept[#kept + 1], kept[#kept + 2] = there[index + 1], there[index]
        end
      end
      redis.call('DEL', taken)
      call_in_chunks('ZADD', taken, kept, 1, #kept)
    end
  end
  local ahead = {}
  if #found < draw.room then
    ahead = redis.call('ZRANGEBYSCORE', ids_key, position and '(' .. position or low, high, 'WITHSCORES', 'LIMIT', 0,
      draw.room - #found)
  end
  for index = 1, #ahead, 2 do
    found[#found + 1] = ahead[index]
    redis.call('ZADD', taken, ahead[index + 1], ahead[index])
  end
  redis.call('HSET', state, scale, ahead[#ahead] or position or low)
  draw.room = draw.room - #found
  return found
end

-- An edited item is an event of its own, though its comment has the id that it had: what names itself by its `id` only gets
-- an `event_id`, which says which item of which feed it is, and as of when.
local function named(item, feed, id)
  if not string.find(item, '"id"', 1, true) then return item end
  local rest = string.match(item, '^%s*{%s*(.+)$')
  local good, object = pcall(cjson.decode, item)
  if not rest or not good or type(object) ~= 'table' or object.id == nil or object.event_id ~= nil then return item end
  local score = redis.call('ZSCORE', 'feed.ids:' .. feed, id) or ''
  return '{"event_id":"' .. redis.sha1hex(feed .. '\0' .. id .. '\0' .. score) .. '",' .. rest
end

-- A feed: read and left as it is; where the door stands is kept beside.
function drawers.feed(draw)
  redis.call('HLEN', draw.name .. ':door:' .. draw.feed)
  redis.call('ZCARD', 'feed.ids:' .. draw.feed)
  redis.call('HLEN', 'feed.items:' .. draw.feed)
  draw.room = draw.count
  local ids = draw_scale(draw, 'seconds', '0', '(' .. whole(SECONDS_END), LATE_MS / 1000)
  for _, id in ipairs(draw_scale(draw, 'ms', whole(SECONDS_END), '+inf', LATE_MS)) do ids[#ids + 1] = id end
  if #ids == 0 then return {}, 0 end
  local events = {}
  for index, item in ipairs(redis.call('HMGET', 'feed.items:' .. draw.feed, unpack(ids))) do
    if item then events[#events + 1] = named(item, draw.feed, ids[index]) end
  end
  return events, #ids
end

-- tidings_draw 2 LANE DOOR TOKEN KIND FEED COUNT LIMIT FROM
-- ->  {'OK', items seen}, {'FENCED'} or {'FULL', length}
-- Moves items of a Thoonk queue, job feed or feed (KIND) to the open door, in one step, for the worker that owns its
-- lane; nothing while LIMIT events wait there. FROM: 'now' or 'start', for a feed that was never read. Not flagged
-- allow-oom: when memory is full the door is shut.
local function draw(keys, args)
  if redis.call('HGET', keys[1], 'token') ~= args[1] then return { 'FENCED' } end
  local waiting = redis.call('LLEN', keys[2])
  if waiting >= tonumber(args[5]) then return { 'FULL', waiting } end
  local name = name_of(keys[1])
  redis.call('HLEN', name .. ':doors')
  local order = { name = name, feed = args[3], count = math.min(tonumber(args[4]), CHUNK), from = args[6] }
  local events, seen = drawers[args[2]](order)
  if #events > 0 then
    call_in_chunks('RPUSH', keys[2], events, 1, #events)
  end
  if seen > 0 or redis.call('HEXISTS', name .. ':doors', args[2] .. ' ' .. args[3]) == 0 then
    tally(name .. ':doors', args[2] .. ' ' .. args[3], #events)
  end
  return { 'OK', seen }
end

-- tidings_rate 1 KEY WINDOW LIMIT (author event)…  ->  {beyond, …}: 1 for each event that is more than LIMIT allows its
-- author in a window of that many ms, else 0.
-- EVENT is a whole number that names it: the same one again, in this window or the next, is answered as it was and not
-- counted twice, so that a batch may be run again. What is beyond the limit is not kept: LIMIT numbers an author.
local function rate(keys, args)
  local window, limit = tonumber(args[1]), tonumber(args[2])
  local number = math.floor(now_us() / 1000 / window)
  local recent, older = keys[1] .. ':' .. whole(number) .. ':', keys[1] .. ':' .. whole(number - 1) .. ':'
  local beyond = {}
  for index = 3, #args, 2 do
    local author, event = args[index], args[index + 1]
    local answer = 0
    local is_known = redis.call('SISMEMBER', recent .. author, event) == 1
      or redis.call('SISMEMBER', older .. author, event) == 1
    if not is_known then
      if redis.call('SCARD', recent .. author) < limit then
        redis.call('SADD', recent .. author, event)
        redis.call('PEXPIRE', recent .. author, window * 2)
      else
        answer = 1
      end
    end
    beyond[#beyond + 1] = answer
  end
  return beyond
end

-- Letters ---------------------------------------------------------------------------------------------------------------

-- tidings_letters 3 LIST QUEUE LANE (letter event)…  ->  how many were moved
-- Takes letters (dead or held) out of their list and puts their events into a queue. An empty QUEUE only takes them out.
-- A letter that is not there any more is passed over: two operators may press the same key.
local function letters(keys, args)
  local moved = 0
  if keys[2] ~= '' then
    -- A look at what will be written: a foreign type raises its error here, before a letter is taken out.
    redis.call('LLEN', keys[2])
    redis.call('HLEN', keys[3])
  end
  for index = 1, #args, 2 do
    if redis.call('LREM', keys[1], 1, args[index]) == 1 then
      if keys[2] ~= '' then
        redis.call('RPUSH', keys[2], args[index + 1])
        if not is_door(keys[2]) then tally(keys[3], 'in', 1) end
      else
        local job = job_of(args[index + 1])
        if job then settle(name_of(keys[1]), job, 'dropped: by an operator') end
      end
      moved = moved + 1
    end
  end
  return moved
end

-- tidings_purge 2 QUEUE LANE  ->  how many events were dropped. What is being worked on is dropped as well: its commit
-- finds the queue changed.
local function purge(keys)
  local count = redis.call('LLEN', keys[1])
  if count > 0 then
    local name = name_of(keys[2])
    if redis.call('EXISTS', name .. ':jobs') == 1 then
      for start = 0, count - 1, CHUNK do
        for _, event in ipairs(redis.call('LRANGE', keys[1], start, start + CHUNK - 1)) do
          local job = job_of(event)
          if job then settle(name, job, 'dropped: purged') end
        end
      end
    end
    redis.call('HSET', keys[2], 'attempts', '0', 'tried', '')
    redis.call('UNLINK', keys[1])
    if is_door(keys[1]) then tally(keys[2], 'in', count) end
    tally(keys[2], 'dropped', count)
    tally(keys[2], 'dropped:purged', count)
  end
  return count
end

-- tidings_pause 0 NAME STAGE ON  ->  how many lanes. ON is '1' or '0'; workers hear of it at once.
local function pause(_, args)
  local name, stage = args[1], args[2]
  local config = redis.call('HMGET', name .. ':config', 'partitions', 'stages')
  if not config[1] then return 0 end
  local count = 0
  for _, lane in ipairs(lanes_of(tonumber(config[1]), split(config[2], ','))) do
    if lane[2] == stage then
      redis.call('HSET', lane_key(name, lane[1], stage), 'paused', args[3])
      count = count + 1
    end
  end
  redis.call('PUBLISH', name .. ':control', 'pause')
  return count
end

-- Processes -----------------------------------------------------------------------------------------------------------

-- tidings_beat 0 NAME ID ROLE STAGES TTL (field value)…  ->  the ids of all processes that were heard within TTL, or
-- within the field `lease` (ms) where one is given: whose leases are over is to be noticed then.
-- Shows that a process lives, and with it the leases of its lanes. STAGES: those that it serves, 'incoming' among them.
-- Few commands, since every process sends one every two seconds for ever.
local function beat(_, args)
  local name, id, ttl = args[1], args[2], tonumber(args[5])
  local now_ms = now_us() / 1000
  local key = name .. ':proc:' .. id
  local is_new = redis.call('ZADD', name .. ':procs', whole(now_ms), id) == 1
  local fields = { 'role', args[3], 'stages', args[4] }
  local window = ttl
  for index = 6, #args do fields[#fields + 1] = args[index] end
  for index = 6, #args - 1, 2 do
    -- Edges beat every 4 s: they are not to come and go in the eyes of workers with a short lease.
    if args[index] == 'lease' then window = math.min(ttl, math.max(5000, tonumber(args[index + 1]))) end
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, ttl)
  if is_new then
    -- Not before the longest lease that can be configured is over: the owner of lanes may be behind it.
    redis.call('ZREMRANGEBYSCORE', name .. ':procs', '-inf', whole(now_ms - 600000))
    redis.call('PUBLISH', name .. ':control', 'join')
  end
  return live_processes(name, window, now_ms)
end

-- tidings_heard 0 NAME ID…  ->  {ms since the last heartbeat, …}; -1 for one that is not listed (any more).
local function heard(_, args)
  local now_ms = now_us() / 1000
  local ages = {}
  for index = 2, #args do
    local beat = redis.call('ZSCORE', args[1] .. ':procs', args[index])
    ages[#ages + 1] = beat and math.floor(now_ms - tonumber(beat)) or -1
  end
  return ages
end

-- tidings_balance 0 NAME ID STAGES LEASE CLAIM
-- ->  {share, {partition, stage, token, careful, paused, surplus, attempts, waiting}…, [ms]}: the lanes this worker has
-- now, and the time until a lease of somebody who is gone runs out, when one does: a look is due then. `waiting`: whether
-- the queue holds an event. A lane without a commit under its token may have been taken by a call whose answer was lost:
-- it is named as it was then.
-- Takes free lanes up to the worker's share when CLAIM is '1'; what it has beyond that is surplus, to be released.
-- Lanes that the same workers can serve form a group, of which each of these has a share of ceil(lanes / workers): so
-- no lane stays free because those who could serve it are busy with what others could do as well.
local function balance(_, args)
  local name, id, lease = args[1], args[2], tonumber(args[4])
  local us = now_us()
  local now_ms = us / 1000
  local list, live = live_processes(name, lease, now_ms)
  -- For each stage, how many can serve it, and who.
  local serving = {}
  for _, other in ipairs(list) do
    local known = redis.call('HMGET', name .. ':proc:' .. other, 'role', 'stages', 'leaving')
    if known[1] == 'worker' and known[3] ~= '1' then
      for _, stage in ipairs(split(known[2], ',')) do
        local those = serving[stage] or { count = 0, who = '' }
        serving[stage] = those
        those.count, those.who = those.count + 1, those.who .. other .. ','
      end
    end
  end
  local config = redis.call('HMGET', name .. ':config', 'partitions', 'stages')
  local lanes, group_of, groups = lanes_of(tonumber(config[1]), split(config[2], ',')), {}, {}
  for _, stage in ipairs(split(args[3], ',')) do
    local those = serving[stage] or { count = 1, who = '' }
    groups[those.who] = groups[those.who] or { lanes = 0, workers = those.count, taken = 0 }
    group_of[stage] = groups[those.who]
  end
  for _, lane in ipairs(lanes) do
    local group = group_of[lane[2]]
    if group then group.lanes = group.lanes + 1 end
  end
  local share = 0
  for _, group in pairs(groups) do
    group.share = math.ceil(group.lanes / group.workers)
    share = share + group.share
  end
  local mine, free, wait = {}, {}, nil
  for _, lane in ipairs(lanes) do
    local partition, stage = lane[1], lane[2]
    local group = group_of[stage]
    if group then
      local known = redis.call('HMGET', lane_key(name, partition, stage), 'owner', 'deadline', 'token', 'paused',
        'serial', 'attempts', 'dirty')
      local entry = { partition, stage, known[3], '0', known[4] or '0', '0', known[6] or '0', '0' }
      if known[1] == id then
        group.taken = group.taken + 1
        if group.taken > group.share then entry[6] = '1' end
        if has_events(queue_key(name, partition, stage)) then
          entry[8] = '1'
          if known[5] == '' and known[7] == '2' then entry[4] = '1' end
        end
        mine[#mine + 1] = entry
      elseif is_free(known[1], known[2], live, now_ms) then
        free[#free + 1] = entry
      elseif not live[known[1]] then
        wait = math.min(wait or math.huge, tonumber(known[2]) - now_ms)
      end
    end
  end
  if args[5] == '1' then
    for _, entry in ipairs(free) do
      local group = group_of[entry[2]]
      if group.taken < group.share then
        group.taken = group.taken + 1
        local key, queue = lane_key(name, entry[1], entry[2]), queue_key(name, entry[1], entry[2])
        entry[3], entry[4], entry[7] = take(key, queue, id, lease, us)
        mine[#mine + 1] = entry
      end
    end
  end
  table.insert(mine, 1, share)
  if wait then mine[#mine + 1] = math.max(0, math.ceil(wait)) + 1 end
  return mine
end

-- tidings_leave 0 NAME ID  ->  1. A process says goodbye. Its lanes are released already, but those that it could not
-- release since its connection was gone at that moment.
local function leave(_, args)
  bury(nil, args)
  return 1
end

-- What an operator sees -----------------------------------------------------------------------------------------------

local COUNTERS = { 'in', 'out', 'dropped', 'held', 'dead' }

local function gather(name)
  local config = redis.call('HMGET', name .. ':config', 'partitions', 'stages')
  if not config[1] then return nil end
  local now_ms = now_us() / 1000
  local _, live = live_processes(name, 15000, now_ms)
  local lanes = {}
  for _, lane in ipairs(lanes_of(tonumber(config[1]), split(config[2], ','))) do
    local partition, stage = lane[1], lane[2]
    local queue = queue_key(name, partition, stage)
    local hash = redis.call('HGETALL', lane_key(name, partition, stage))
    local fields = {}
    for index = 1, #hash, 2 do fields[hash[index]] = hash[index + 1] end
    local entry = {
      live = fields.owner ~= nil and live[fields.owner] == true,
      partition = partition, stage = stage, queue = queue, waiting = redis.call('LLEN', queue),
      owner = fields.owner or '', token = fields.token or '0', deadline = tonumber(fields.deadline or 0),
      paused = fields.paused == '1', fields = fields,
    }
    for _, counter in ipairs(COUNTERS) do entry[counter] = tonumber(fields[counter] or 0) end
    -- The event at the head tells how long it has been on its way, once a stage has stamped it.
    if entry.waiting > 0 and stage ~= 'incoming' then
      local good, head = pcall(cjson.decode, redis.call('LINDEX', queue, 0))
      if good and type(head) == 'table' and type(head.received_at) == 'number' then
        entry.oldest = math.max(0, now_ms - head.received_at)
      end
    end
    lanes[#lanes + 1] = entry
  end
  return lanes, config, now_ms
end

local function unknown(name)
  return redis.error_reply('ERR no pipeline is called ' .. name .. '; start one with tidings up')
end

-- How many letters a lane keeps; a key that holds something else keeps none.
local function letters_in(name, lane, kind)
  local length = redis.pcall('LLEN', prefix(name, lane.partition) .. ':' .. kind .. ':' .. lane.stage)
  return type(length) == 'number' and length or 0
end

-- tidings_stats 0 NAME  ->  JSON: everything that `tidings status` shows. dead and held count what ever was; dead_letters
-- and held_events what is there.
local function stats(_, args)
  local name = args[1]
  local lanes, config, now_ms = gather(name)
  if not lanes then return unknown(name) end
  local out = {}
  for index, lane in ipairs(lanes) do
    local reasons
    for field, value in pairs(lane.fields) do
      if string.sub(field, 1, 8) == 'dropped:' then
        reasons = reasons or {}
        reasons[string.sub(field, 9)] = tonumber(value)
      end
    end
    out[index] = {
      partition = tonumber(lane.partition), stage = lane.stage, queue = lane.queue, waiting = lane.waiting,
      oldest_ms = lane.oldest and math.floor(lane.oldest), owner = lane.owner, token = lane.token,
      lease_ms = math.floor(lane.deadline - now_ms), paused = lane.paused,
      attempts = tonumber(lane.fields.attempts or 0),
      live = lane.live, ['in'] = lane['in'], out = lane.out, dropped = lane.dropped, held = lane.held, dead = lane.dead,
      emitted = tonumber(lane.fields.emitted or 0), reasons = reasons,
      dead_letters = letters_in(name, lane, 'dead'), held_events = letters_in(name, lane, 'held'),
      unpublished = tonumber(lane.fields.unpublished or 0),
      dead_forgotten = tonumber(lane.fields['dead:forgotten'] or 0),
      held_forgotten = tonumber(lane.fields['held:forgotten'] or 0),
    }
  end
  local processes = {}
  local procs = redis.call('ZRANGE', name .. ':procs', 0, -1, 'WITHSCORES')
  for position = 1, #procs, 2 do
    local id = procs[position]
    local hash = redis.call('HGETALL', name .. ':proc:' .. id)
    if #hash > 0 then
      local process = { id = id, beat = procs[position + 1] }
      for index = 1, #hash, 2 do process[hash[index]] = hash[index + 1] end
      processes[#processes + 1] = process
    end
  end
  local doors = {}
  local known = redis.call('HGETALL', name .. ':doors')
  for index = 1, #known, 2 do
    local kind, feed = string.match(known[index], '^(%a+) (.*)$')
    if kind then
      local waiting = 0
      if kind ~= 'feed' then waiting = redis.pcall('LLEN', 'feed.ids:' .. feed) end
      doors[#doors + 1] = {
        kind = kind, feed = feed, taken = tonumber(known[index + 1]), waiting = tonumber(waiting) or 0,
      }
    end
  end
  local answer = {
    doors = #doors > 0 and doors or nil, jobs = redis.call('HLEN', name .. ':jobs'),
    pipeline = name, partitions = tonumber(config[1]), stages = split(config[2], ','), lanes = out,
    processes = processes, time = math.floor(now_ms), feeds = redis.call('SCARD', 'feeds'),
  }
  if #processes == 0 then answer.processes = nil end
  return cjson.encode(answer)
end

-- tidings_status 0 NAME  ->  lines of text, for redis-cli: a line a stage, summed over its partitions
local function status(_, args)
  local lanes, config = gather(args[1])
  if not lanes then return unknown(args[1]) end
  local order, sums = { 'incoming' }, {}
  for _, stage in ipairs(split(config[2], ',')) do order[#order + 1] = stage end
  for _, lane in ipairs(lanes) do
    local sum = sums[lane.stage] or { waiting = 0, lanes = 0, owned = 0, paused = 0, oldest = 0 }
    sums[lane.stage] = sum
    sum.waiting = sum.waiting + lane.waiting
    sum.lanes = sum.lanes + 1
    if lane.live then sum.owned = sum.owned + 1 end
    if lane.paused then sum.paused = sum.paused + 1 end
    sum.oldest = math.max(sum.oldest, lane.oldest or 0)
    for _, counter in ipairs(COUNTERS) do sum[counter] = (sum[counter] or 0) + lane[counter] end
  end
  local lines = { 'stage         waiting        in       out   dropped      held      dead    lanes  oldest' }
  for _, stage in ipairs(order) do
    local sum = sums[stage]
    lines[#lines + 1] = string.format('%-12s%9d%10d%10d%10d%10d%10d%9s%7dms%s', stage, sum.waiting, sum['in'], sum.out,
      sum.dropped, sum.held, sum.dead, sum.owned .. '/' .. sum.lanes, sum.oldest, sum.paused > 0 and '  paused' or '')
  end
  return lines
end

local function version()
  return VERSION
end

local function register(name, callback, ...)
  redis.register_function({ function_name = name, callback = callback, flags = { ... } })
end

register('tidings_version', version, 'no-writes')
register('tidings_hello', hello, 'allow-oom')
register('tidings_claim', claim, 'allow-oom')
register('tidings_release', release, 'allow-oom')
register('tidings_bury', bury, 'allow-oom')
register('tidings_attempt', attempt, 'allow-oom')
register('tidings_commit', commit, 'allow-oom')
register('tidings_enqueue', enqueue)
register('tidings_draw', draw)
register('tidings_rate', rate, 'allow-oom')
register('tidings_beat', beat, 'allow-oom')
register('tidings_heard', heard, 'no-writes')
register('tidings_balance', balance, 'allow-oom')
register('tidings_leave', leave, 'allow-oom')
register('tidings_letters', letters, 'allow-oom')
register('tidings_purge', purge, 'allow-oom')
register('tidings_pause', pause, 'allow-oom')
register('tidings_publish', publish)
register('tidings_history', history, 'no-writes')
register('tidings_sweep', sweep, 'allow-oom')
register('tidings_stats', stats, 'no-writes')
register('tidings_status', status, 'no-writes')
