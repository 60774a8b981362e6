-- The processes that live: what they say when they come, and their heartbeats.

-- The processes that were heard within the last `lease` ms, as a list and as a set.
local function live_processes(name, lease, now_ms)
  local list = redis.call('ZRANGEBYSCORE', name .. ':procs', whole(now_ms - lease), '+inf')
  local set = {}
  for _, id in ipairs(list) do set[id] = true end
  return list, set
end

-- A heartbeat that is this much in the future (ms) shows that the clock stepped back. Less does no harm.
local STEP_BACK = 1000
-- When nobody was heard for this long (ms), a process that was among the last takes it for a step forward, or for an
-- outage of the server: others that live were not heard either. Edges beat every 4 s, and no lease is shorter than this.
local SILENCE = 5000
-- For a process that told no lease.
local COMMON_LEASE = 15000

-- The clock went back: the deadlines of leases that run are moved with it, but none to less than one lease from now,
-- since the owner may have renewed it after the step. A lane's key of another type is left alone.
local function move_deadlines(name, step, now_ms)
  local keys, moved = {}, {}
  for _, lane in ipairs(layout_of(name) or {}) do keys[#keys + 1] = lane_key(name, lane[1], lane[2]) end
  -- Who may not write lanes leaves the heartbeats as they are: they show the step to a process that may.
  if #keys > 0 and not pcall(demand_keys, keys, 'HSET', 'deadline', '0') then return false end
  for _, key in ipairs(keys) do
    local known = redis.pcall('HMGET', key, 'owner', 'deadline')
    local deadline = not known.err and known[1] and known[1] ~= '' and tonumber(known[2] or '') or 0
    if deadline > now_ms then
      local lease = tonumber(redis.call('HGET', name .. ':proc:' .. known[1], 'lease') or '') or COMMON_LEASE
      moved[#moved + 1] = { key, math.max(deadline - step, math.min(deadline, now_ms + lease)) }
    end
  end
  for _, lane in ipairs(moved) do redis.call('HSET', lane[1], 'deadline', whole(lane[2])) end
  return true
end

-- Moves heartbeats, and after a step back the deadlines of leases, by a step of the server's clock, so that each lease
-- lasts as long as it would have without the step: a process that lives keeps its lanes, a dead one loses them. `id`: the
-- process that calls. Costs one command when there was no step, and two after a silence.
local function follow_clock(name, now_ms, id)
  local procs = name .. ':procs'
  local newest = redis.call('ZREVRANGE', procs, 0, 0, 'WITHSCORES')
  if not newest[2] then return end
  -- Another client may have written infinity.
  local latest = math.min(tonumber(newest[2]), 2 ^ 53)
  local step = latest - now_ms
  if step >= STEP_BACK then
    if not move_deadlines(name, step, now_ms) then return end
    local ahead = redis.call('ZRANGEBYSCORE', procs, '(' .. whole(now_ms), '+inf', 'WITHSCORES')
    for index = 1, #ahead, 2 do
      local key = name .. ':proc:' .. ahead[index]
      local left = redis.call('PTTL', key)
      if left > step then redis.call('PEXPIRE', key, whole(left - step)) end
      redis.call('ZADD', procs, whole(math.min(ahead[index + 1], latest) - step), ahead[index])
    end
  elseif -step >= SILENCE and id then
    local own = tonumber(redis.call('ZSCORE', procs, id) or '')
    if not own or latest - own >= SILENCE then return end
    -- Only those that may live: another worker may have taken the lanes of one that was silent before, and a heartbeat
    -- after that would speak against its death (`is_of`).
    local last = redis.call('ZRANGEBYSCORE', procs, '(' .. whole(latest - SILENCE), '+inf', 'WITHSCORES')
    for index = 1, #last, 2 do redis.call('ZADD', procs, whole(last[index + 1] - step), last[index]) end
  end
end

-- tidings_hello 0 NAME CONTRACT PARTITIONS STAGES [EPOCH]
-- ->  {'OK', epoch} or {'DIFFERS', field, in Redis, given, why it stands}
-- Every process calls it after each connect, before anything else, and again when it hears of another epoch or shape.
-- STAGES are separated by commas; EPOCH is the highest one that the process knows. A configuration that differs replaces
-- the stored one when that strands nothing: no process lives, and the queues that it would orphan are empty.
local function hello(_, args)
  local name, contract, partitions, stages = args[1], args[2], args[3], args[4]
  local key = name .. ':config'
  local known = redis.call('HMGET', key, 'contract', 'partitions', 'stages')
  local stored = not (known[1] and known[2] and known[3]) and shape_of(name)
  if stored then
    local parts = { shape_fields(stored) }
    for index, part in ipairs(parts) do known[index] = known[index] or part end
  end
  local given = { contract, partitions, stages }
  -- A process that can say no hello sends no heartbeat, so nobody else may see that those of the dead are in the future.
  if known[1] then follow_clock(name, now_us() / 1000) end
  local fields = { 'contract', 'partitions', 'stages' }
  for index, field in ipairs(fields) do
    if known[index] and known[index] ~= given[index] then
      local alive = #live_processes(name, COMMON_LEASE, now_us() / 1000)
      if alive > 0 then
        return { 'DIFFERS', field, known[index], given[index], alive .. ' processes run with it; stop them first' }
      end
      for _, lane in ipairs(lanes_of(tonumber(known[2]), split(known[3], ','))) do
        local queue = queue_key(name, lane[1], lane[2])
        -- NAME:incoming belongs to every shape, and the queue of a stage that stays is not orphaned.
        local stays = lane[1] == ''
          or field == 'stages' and string.find(',' .. stages .. ',incoming,', ',' .. lane[2] .. ',', 1, true)
        local waiting = redis.call('LLEN', queue)
        if not stays and waiting > 0 then
          return { 'DIFFERS', field, known[index], given[index], queue .. ' still holds ' .. waiting .. ' events' }
        end
      end
    end
  end
  if known[2] and known[2] ~= partitions and count_closed(name, tonumber(known[2])) > MOST_CLOSED then
    return {
      'DIFFERS', 'partitions', known[2], partitions,
      'more than ' .. MOST_CLOSED .. ' closed conversations cannot move at once; open some first',
    }
  end
  leave_shape(name, known[2], known[3], partitions, stages)
  pass_time(now_us() / 1000)
  local shape = shape_text(contract, partitions, stages)
  -- Keys of partitions that end are written as well: a process that slept through the change looks there.
  local epoch = keep_epoch(name, shape, args[5], math.max(tonumber(partitions), tonumber(known[2] or '') or 0))
  redis.call('HSET', key, 'contract', contract, 'partitions', partitions, 'stages', stages, 'shape', shape)
  return { 'OK', epoch }
end

-- What the fields of a heartbeat say to this library, and not to operators.
local hidden = { shape = true, epoch = true }

-- Brings NAME:config and the epoch up to date where they are gone or do not belong to this server's data. Gives the
-- epoch; or nil and an error reply when the process's shape is not the one that Redis holds. SHAPE: the process's, nil
-- when it named none; then nothing is written where Redis holds none either.
local function keep_marks(name, shape, known, now_ms)
  local stored, is_whole = shape_of(name)
  if shape and stored and stored ~= shape then return nil, reshaped(name, stored, shape) end
  shape = shape or stored
  if not shape then return 0 end
  local contract, partitions, stages = shape_fields(shape)
  if not is_whole then
    redis.call('HSET', name .. ':config', 'contract', contract, 'partitions', partitions, 'stages', stages,
      'shape', shape)
  end
  local mark = redis.call('HMGET', epoch_key(name, 0), 'number', 'shape')
  -- One further partition with each heartbeat: each is looked at in turn.
  local other = math.floor(now_ms / 1000) % tonumber(partitions)
  local its = other == 0 and mark or redis.call('HMGET', epoch_key(name, other), 'number', 'shape')
  local is_sound = mark[1] and tonumber(mark[1]) and tonumber(mark[1]) >= known and mark[2] == shape
    and its[1] == mark[1] and its[2] == shape and is_sure(name, epoch_key(name, 0), mark[1])
  if is_sound then return tonumber(mark[1]) end
  local epoch = keep_epoch(name, shape, known)
  -- After FLUSHALL no time stands there, and readers of channels without a feed would get positions that hold no birth.
  pass_time(now_ms)
  return epoch
end

-- tidings_beat 0 NAME ID ROLE STAGES TTL (field value)…  ->  the ids of all processes that were heard within TTL, or
-- within the field `lease` (ms) where one is given, so that a worker notices when another one's leases end. With the
-- field `epoch`, the highest epoch that the process knows, the last element is {epoch}.
-- Keeps a process listed, and with it the leases of its lanes. STAGES: those that it serves, 'incoming' among them.
-- With the field `shape` (CONTRACT/PARTITIONS/STAGES) a process of another shape than that in Redis is refused (RESHAPED)
-- and not listed. Writes NAME:config and the epoch again where they are gone, and renews the epoch when the data may have
-- gone back in time. After a step of the server's clock it moves the heartbeats and the leases with it.
-- It uses few commands, since every process calls it every two seconds.
local function beat(_, args)
  local name, id, ttl = args[1], args[2], tonumber(args[5])
  local now_ms = now_us() / 1000
  local key = name .. ':proc:' .. id
  local fields, said = { 'role', args[3], 'stages', args[4] }, {}
  for index = 6, #args - 1, 2 do
    said[args[index]] = args[index + 1]
    if not hidden[args[index]] then
      fields[#fields + 1] = args[index]
      fields[#fields + 1] = args[index + 1]
    end
  end
  local epoch, refusal = keep_marks(name, said.shape, tonumber(said.epoch or 0) or 0, now_ms)
  if refusal then return refusal end
  local window = ttl
  -- Edges beat every 4 s: to workers with a shorter lease they would seem to come and go.
  if said.lease then window = math.min(ttl, math.max(5000, tonumber(said.lease))) end
  follow_clock(name, now_ms, id)
  local is_new = redis.call('ZADD', name .. ':procs', whole(now_ms), id) == 1
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, ttl)
  if is_new then
    -- Entries stay for the longest lease that can be configured: their process may still own lanes.
    redis.call('ZREMRANGEBYSCORE', name .. ':procs', '-inf', whole(now_ms - 600000))
  end
  local list = live_processes(name, window, now_ms)
  if said.epoch then list[#list + 1] = { epoch } end
  if is_new then announce({ name .. ':control', 'join' }) end
  return list
end

-- tidings_heard 0 NAME ID…  ->  {ms since the last heartbeat, …}; -1 for one that is not listed (any more).
-- A heartbeat from before the server's clock went back seems to come from the future: it counts as of now.
local function heard(_, args)
  local now_ms = now_us() / 1000
  local ages = {}
  for index = 2, #args do
    local beat = redis.call('ZSCORE', args[1] .. ':procs', args[index])
    ages[#ages + 1] = beat and math.max(0, math.floor(now_ms - tonumber(beat))) or -1
  end
  return ages
end

register('tidings_hello', hello, 'allow-oom')
register('tidings_beat', beat, 'allow-oom')
register('tidings_heard', heard, 'no-writes')
