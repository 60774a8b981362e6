-- Lanes: who owns them, and for how long.
--
-- The field `dirty` is 1 while a batch may be in flight, and 2 while the lane is suspect: a worker may have crashed over
-- the head of its queue, so the events there are tried one by one.

-- A lease lasts until its deadline, or for as long as the last heartbeat of its owner is younger than the lease,
-- whichever is later, so an idle lane costs no renewal. `live` holds the owners with such a heartbeat.
local function is_free(owner, deadline, live, now_ms)
  return not owner or owner == '' or (tonumber(deadline or 0) < now_ms and not live[owner])
end

-- A key of another type counts as empty here: its own lane reports it, and the other lanes go on.
local function has_events(queue)
  local length = redis.pcall('LLEN', queue)
  return type(length) == 'number' and length > 0
end

-- Takes a lane that is free. Gives its token, larger than any before; whether it is suspect; and how many attempts of
-- the head event did not come back. A lane with an empty queue is never suspect.
local function take(lane, queue, owner, lease, us)
  local known = redis.call('HMGET', lane, 'owner', 'token', 'dirty', 'attempts')
  local token = whole(math.max(tonumber(known[2] or 0) + 1, us))
  local was_in_flight = known[3] == '1' or known[3] == '2'
  local suspect = (was_in_flight or (known[1] and known[1] ~= '')) and has_events(queue)
  local attempts = suspect and known[4] or '0'
  redis.call('HSET', lane, 'owner', owner, 'token', token, 'deadline', whole(us / 1000 + lease), 'serial', '',
    'dirty', suspect and '2' or '1', 'attempts', attempts)
  return token, suspect and '1' or '0', attempts
end

-- tidings_claim 2 LANE QUEUE NAME OWNER LEASE  ->  {'OK', token, suspect, attempts} or {'TAKEN', owner, deadline}
local function claim(keys, args)
  local us = now_us()
  local lease = tonumber(args[3])
  local known = redis.call('HMGET', keys[1], 'owner', 'deadline')
  local _, live = live_processes(args[1], lease, us / 1000)
  if not is_free(known[1], known[2], live, us / 1000) then return { 'TAKEN', known[1], known[2] } end
  local token, suspect, attempts = take(keys[1], keys[2], args[2], lease, us)
  return { 'OK', token, suspect, attempts }
end

-- Uncounts the attempt of this token: it ended without a crash.
local function take_back(lane, token)
  local known = redis.call('HMGET', lane, 'tried', 'attempts')
  if known[1] ~= token then return end
  redis.call('HSET', lane, 'tried', '', 'attempts', whole(math.max(0, (tonumber(known[2] or 0) or 0) - 1)))
end

-- tidings_release 1 LANE TOKEN NAME [SUSPECT]  ->  {'OK'} or {'FENCED'}. No batch is in flight, so the lane is not
-- suspect to its next owner, unless it is still suspect to this one: SUSPECT is '1', or it has not committed yet.
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

-- tidings_bury 0 NAME OWNER…  ->  how many lanes were freed. Ends the leases of these workers at once. For the
-- supervisor that saw them die.
local function end_leases(_, args)
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

-- tidings_attempt 1 LANE TOKEN [BACK]  ->  {'OK', attempts} or {'FENCED'}. Counts an attempt of the head event before it
-- is made; the next commit sets the count back. A token counts one attempt at most, so a call may be repeated after a
-- lost reply. With BACK '1' the attempt has ended without a commit and without a crash: it is uncounted.
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

-- tidings_balance 0 NAME ID STAGES LEASE CLAIM
-- ->  {share, {partition, stage, token, suspect, paused, surplus, attempts, waiting}…, [ms]}: the worker's lanes, and the
-- time until the next lease of a dead worker ends, if there is one: the caller balances again then. `waiting`: whether
-- the queue holds an event. The answer names a lane without a commit as it was when it was taken, since the call that
-- took it may have lost its answer.
-- Takes free lanes up to the worker's share when CLAIM is '1'; lanes beyond the share are surplus, to be released.
-- Lanes that the same workers can serve form a group, and each of these workers has a share of ceil(lanes / workers) of
-- it: so no lane stays free while its workers are busy with lanes that others can serve as well.
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

-- tidings_leave 0 NAME ID  ->  1. Takes a process off the list, and frees the lanes that it could not release.
local function leave(_, args)
  end_leases(nil, args)
  return 1
end

register('tidings_claim', claim, 'allow-oom')
register('tidings_release', release, 'allow-oom')
register('tidings_bury', end_leases, 'allow-oom')
register('tidings_attempt', attempt, 'allow-oom')
register('tidings_balance', balance, 'allow-oom')
register('tidings_leave', leave, 'allow-oom')
