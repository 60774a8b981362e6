-- Commit: how events get from queue to queue.

-- A commit's operations follow each other in the arguments; each begins with its name. `read` gives the next argument.
-- An event of `push` or `once` may be a NUL and a number: the event of that change, unless the change is settled.
-- Channels with a history come first: the others say where an event stands there.
local function read_channels(op, read)
  op.channels = {}
  local others = {}
  for _ = 1, tonumber(read()) do
    local channel = { name = read(), indexes = {} }
    channel.policy = op.policies[op.is_by_kind and tonumber(read()) or 1]
    for index = 1, tonumber(read()) do channel.indexes[index] = tonumber(read()) end
    local list = channel.policy.is_log and op.channels or others
    list[#list + 1] = channel
  end
  for _, channel in ipairs(others) do op.channels[#op.channels + 1] = channel end
  return op
end

-- The policies of a publication, see states.lua: HISTORY TTL, or `kinds` and k (kind keep age life)… Records of comments
-- live as long as the longest of them.
local function read_policies(op, read)
  local history = read()
  op.is_by_kind = history == 'kinds'
  if op.is_by_kind then
    op.policies = {}
    for index = 1, tonumber(read()) do op.policies[index] = policy_of(read(), read(), read(), read()) end
  else
    op.policies = { policy_of('*', history, '0', read()) }
  end
  op.ttl = '0'
  for _, policy in ipairs(op.policies) do
    if tonumber(policy.life) > tonumber(op.ttl) then op.ttl = policy.life end
  end
  return op
end

local readers = {
  -- push QUEUE LANE LIMIT k event…
  push = function(read)
    local op = { queue = read(), lane = read(), limit = tonumber(read()), events = {} }
    for _ = 1, tonumber(read()) do op.events[#op.events + 1] = read() end
    return op
  end,
  -- once QUEUE LANE LIMIT SEEN WINDOW CAP k (key event)…
  -- A key of one NUL: the event repeats nothing. An empty key: the event is a further part of the one before, shares its
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
  -- change HELD RECORDS TTL CAP k (verdict post version kind text)…
  -- Stands before the operations that name its changes by number. VERDICT: `go`, and TEXT is the event as it is handed
  -- on; or `hold`, and TEXT is the letter, for the list HELD. KIND: `KIND SENDER`, or `KIND` alone for the app.
  change = function(read)
    local op = { list = read(), records = read(), ttl = read(), cap = tonumber(read()), changes = {} }
    for index = 1, tonumber(read()) do
      local change = { verdict = read(), comment = read(), version = read() }
      change.kind, change.sender = read_kind(read())
      change.post, change.text = post_of(change.comment), read()
      op.changes[index] = change
    end
    return op
  end,
  -- feeds HISTORY TTL DEAD CAP n event… c (channel k index…)…
  -- From workers of versions before 12, which know no versions of comments.
  feeds = function(read)
    local op = read_policies({ events = {}, entries = {} }, read)
    op.dead, op.cap = read(), tonumber(read())
    for index = 1, tonumber(read()) do
      op.entries[index], op.events[index] = { post = '' }, read()
    end
    return read_channels(op, read)
  end,
  -- publish kinds p (kind keep age life)… DEAD CAP RECORDS n (post record event)… c (channel policy k index…)…
  -- POLICY: its place in the list, from 1. Workers of version 12 send HISTORY TTL in place of the list, and no POLICY.
  -- POST: conversation NUL id, and RECORD: VERSION KIND or VERSION KIND SENDER, of a new comment; or a NUL and the number
  -- of a change, and an empty RECORD; or a conversation, and `closed` or `opened`; or both empty, for an event that is not
  -- compared.
  publish = function(read)
    local op = read_policies({ events = {}, entries = {} }, read)
    op.dead, op.cap, op.records = read(), tonumber(read()), read()
    for index = 1, tonumber(read()) do
      local entry = { comment = read(), text = read() }
      if entry.text == 'closed' or entry.text == 'opened' then
        entry.closing, entry.post, op.closes = entry.text, '', true
      else
        entry.post = post_of(entry.comment)
      end
      op.entries[index], op.events[index] = entry, read()
    end
    return read_channels(op, read)
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
  -- shape CONTRACT/PARTITIONS/STAGES: that of the caller
  shape = function(read)
    return { shape = read() }
  end,
  -- timed
  -- From here on. In servers in which TIME stands still during a function the answer says 0.
  timed = function()
    return { started = now_us() }
  end,
  -- count FIELD n
  count = function(read)
    return { field = read(), number = tonumber(read()) }
  end,
}

local function hand_on(op, events)
  if #events == 0 then return end
  call_in_chunks('RPUSH', op.queue, events, 1, #events)
  tally(op.lane, 'in', #events)
end

-- The events of `list` that go on, with those in place that are named by a number.
local function present(list, changes, passed)
  if not changes then return list end
  local events = {}
  for _, given in ipairs(list) do
    if string.byte(given) ~= 0 then
      events[#events + 1] = given
    else
      local change = changes[tonumber(string.sub(given, 2))]
      if passes(change, passed) then events[#events + 1] = change.text end
    end
  end
  return events
end

-- The event with the one channel that it did not reach, so that a retry publishes it there and nowhere else.
local function addressed(event, channel, entry)
  if not string.match(event, '^{%s*"') then return event end
  local head = '{'
  if entry.version then head = head .. '"_v":"' .. string.match(entry.version, '^%S+') .. '",' end
  if entry.version and entry.sender ~= '' then head = head .. '"_by":"' .. entry.sender .. '",' end
  return head .. '"channels":' .. cjson.encode({ channel }) .. ',' .. string.sub(event, 2)
end

-- Each carries an operation out, and returns how many letters fell off a full list, or nothing.
local writers = {
  change = function(op, lane)
    return settle_changes(op, lane)
  end,
  push = function(op, lane)
    local events = present(op.events, op.changes, op.passed)
    hand_on(op, events)
    if #events > 0 then tally(lane, 'emitted', #events) end
  end,
  once = function(op, lane, now_ms)
    local recent, older = open_seen(lane, op.seen, op.window, op.cap, now_ms)
    -- A change that is settled is no event of this batch any more.
    local function change_of(index)
      local candidate = op.candidates[index]
      return op.changes and string.byte(candidate) == 0 and op.changes[tonumber(string.sub(candidate, 2))]
    end
    local former, asked = seen_formerly(name_of(lane), op.keys, op.window, now_ms), {}
    for index, key in ipairs(op.keys) do
      local change = change_of(index)
      if key ~= '' and key ~= '\0' and not former[key] and not (change and change.settled) then
        asked[#asked + 1] = key
      end
    end
    local seen = note_seen(recent, older, asked)
    local fresh, is_fresh, out, repeated = {}, false, 0, 0
    for index, key in ipairs(op.keys) do
      local change = change_of(index)
      local candidate = change and change.text or op.candidates[index]
      if not (change and change.settled) then
        if key ~= '' then
          is_fresh = key == '\0' or not former[key] and not seen[key]
          if is_fresh and key ~= '\0' then seen[key] = true end
          if is_fresh then out = out + 1 else repeated = repeated + 1 end
        end
        local job = not is_fresh and job_of(candidate)
        if job then settle(name_of(lane), job, 'dropped: duplicate') end
        if is_fresh then fresh[#fresh + 1] = candidate end
      end
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
  publish = function(op, lane, now_ms, clock, heard)
    local forgotten, emitted, ahead = 0, 0, now_ms
    local newest, places = pick(op, lane), {}
    for _, channel in ipairs(op.channels) do
      local chosen = chosen_of(op, channel)
      local events = {}
      for place, index in ipairs(chosen) do events[place] = text_for(op, channel, index) end
      local failure = channel.failure
      if #events > 0 and not failure then
        local before = channel.target.before
        failure = keep(channel, events, chosen, places, clock, heard)
        if not failure then
          emitted = emitted + #events
          if channel.policy.is_log then ahead = math.max(ahead, tonumber(channel.target.newest)) end
          stand(op, channel, chosen, before + 1, heard)
        end
      end
      if #events > 0 and failure then
        -- A foreign key blocks the feed: the events become dead letters, until an operator deletes the key.
        -- Form of a letter: letters.lua.
        local letters = {}
        for index, event in ipairs(events) do
          letters[index] = cjson.encode({
            id = op.commit .. '-' .. channel.name .. '-' .. index, event = addressed(event, channel.name, op.entries[chosen[index]]),
            stage = 'publish', attempts = 1,
            time = math.floor(clock),
            error = 'feed {' .. channel.name .. '}: ' .. failure .. '; delete the foreign key and retry',
          })
        end
        forgotten = forgotten + store_letters(lane, 'unpublished', op.dead, op.cap, letters)
      end
    end
    if op.has_leaves then forget_left(newest) end
    if op.records then
      -- By the times of the feeds, which go on where the server's clock was put back.
      write_records(op.records, newest, tonumber(op.ttl) + ahead - now_ms)
      write_closed(op, now_ms)
    end
    if emitted > 0 then tally(lane, 'emitted', emitted) end
    return forgotten
  end,
  letter = function(op, lane)
    return store_letters(lane, op.field, op.list, op.cap, op.letters)
  end,
  settle = function(op, lane)
    for _, job in ipairs(op.jobs) do settle(name_of(lane), job, op.outcome) end
  end,
  shape = function() end,
  timed = function() end,
  count = function(op, lane)
    tally(lane, op.field, op.number)
  end,
}

writers.feeds = writers.publish

-- Events were taken out of the middle of a queue (erasure.lua): the batch in hand may hold some of them, though the queue
-- begins and ends it as before, where the event behind it has the same bytes. Then a lane's `stale` is 1, and the next
-- commit is refused. From then on it is TOKEN-SERIAL of that commit, which is refused also when it is sent again; a later
-- one has read the queue anew.
local function is_stale(lane, stale, token, serial)
  local its_token, its_serial = string.match(stale, '^(%d+)%-(%d+)$')
  if its_token and (its_token ~= token or tonumber(serial) > tonumber(its_serial)) then
    redis.call('HDEL', lane, 'stale')
    return false
  end
  if not its_token then redis.call('HSET', lane, 'stale', token .. '-' .. serial) end
  return true
end

-- tidings_commit 2 LANE QUEUE TOKEN SERIAL COUNT FIRST LAST LEASE operation…
-- ->  {'OK'} or {'OK', letters that fell off a full list}, or with `timed` {'OK', letters, microseconds}; {'FENCED'}, {'MOVED'} (the queue does not start with this batch any more) or {'FULL', queue, length}
-- Takes COUNT events off the queue and carries the operations out, all or nothing. A SERIAL that was committed already,
-- or that comes after its successor, does nothing and gets {'OK'}. The caller has survived its attempt of the head event
-- whatever the answer is, and attempts of a head that is gone do not count for the next one.
local function commit(keys, args)
  local lane, queue = keys[1], keys[2]
  local known = redis.call('HMGET', lane, 'token', 'serial', 'clock', 'attempts', 'stale')
  if known[1] ~= args[1] then return { 'FENCED' } end
  local done = tonumber(known[2])
  if done and tonumber(args[2]) <= done then return { 'OK' } end
  if known[5] and is_stale(lane, known[5], args[1], args[2]) then return { 'MOVED' } end
  local count = tonumber(args[3])
  if redis.call('LINDEX', queue, 0) ~= args[4] then
    if known[4] and known[4] ~= '0' then redis.call('HSET', lane, 'attempts', '0', 'deaths', '0', 'tried', '') end
    return { 'MOVED' }
  end
  if count > 1 and redis.call('LINDEX', queue, count - 1) ~= args[5] then return { 'MOVED' } end

  local operations, changes, channels, passed = {}, nil, {}, { number = 0 }
  local mark = mark_of(lane)
  local position, started = 6, nil
  local function read()
    position = position + 1
    return args[position]
  end
  while position < #args do
    local name = read()
    local op = readers[name](read)
    op.name = name
    started = op.started or started
    op.commit = args[1] .. '-' .. args[2]
    changes = op.changes or changes
    op.changes, op.passed = changes, passed
    -- Reads each key that will be written: a foreign type raises its error here, before anything is written, and so does
    -- a right that the caller lacks.
    local refusal = op.shape and refuse_shape(lane, op.shape, mark)
    if refusal then return refusal end
    if op.lane then
      demand('HINCRBY', op.lane, 'in', '1')
      redis.call('HLEN', op.lane)
    end
    local list = op.list or op.dead
    if list then
      demand('RPUSH', list, '')
      demand('LTRIM', list, '0', '-1')
      redis.call('LLEN', list)
    end
    if op.seen then
      for _, part in ipairs({ ':new', ':old' }) do
        demand('SADD', op.seen .. part, '')
        demand('UNLINK', op.seen .. part)
        redis.call('SCARD', op.seen .. part)
      end
    end
    if op.name == 'change' then look_at_holds(op) end
    if op.entries then
      if op.records then
        look_at_records(op)
        op.closed_key = closed_key(lane)
        look_at_closed(op)
      end
      op.newest = decide(op)
      reach_further(op)
    end
    for _, channel in ipairs(op.channels or {}) do channels[#channels + 1] = channel end
    if op.queue then
      demand('RPUSH', op.queue, '')
      local length = redis.call('LLEN', op.queue)
      if op.limit > 0 and length >= op.limit then
        take_back(lane, args[1])
        return { 'FULL', op.queue, length }
      end
    end
    operations[#operations + 1] = op
  end
  if #channels > 0 then look_at_feeds(channels) end
  if redis.acl_check_cmd then
    for _, op in ipairs(operations) do
      if op.entries then
        demand_rewriting(op)
        demand_closed(op)
      end
    end
  end

  demand('HSET', lane, 'serial', '0')
  demand('LTRIM', queue, '0', '-1')
  if #channels > 0 then renew_if_unsure(mark) end
  local us = now_us()
  local now_ms = us / 1000
  local clock = math.max(now_ms, tonumber(known[3] or 0) + 0.001)
  redis.call('HSET', lane, 'serial', args[2], 'attempts', '0', 'deaths', '0', 'tried', '',
    'deadline', whole(now_ms + tonumber(args[6])), 'clock', string.format('%.3f', clock + count * 0.001))
  redis.call('LTRIM', queue, count, -1)
  local forgotten, heard = 0, {}
  for _, op in ipairs(operations) do
    forgotten = forgotten + (writers[op.name](op, lane, now_ms, clock, heard) or 0)
  end
  if #channels > 0 then number_feeds(channels) end
  if passed.number > 0 then tally(lane, 'out', passed.number) end
  tell(heard)
  if started then return { 'OK', forgotten, now_us() - started } end
  if forgotten > 0 then return { 'OK', forgotten } end
  return { 'OK' }
end

register('tidings_commit', commit, 'allow-oom')
