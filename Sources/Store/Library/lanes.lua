-- Lanes: who owns them, and for how long; and what is known of the workers that tried the event at the head.
--
-- The field `dirty` is 1 while a batch may be in flight, and 2 while the lane is suspect: a worker may have crashed over
-- the head of its queue, so the events there are tried one by one.
--
-- The field `tried` lists the attempts of the head event as JSON, oldest first: [[token, owner, state], …]. `attempts`
-- and `deaths` are counted from it. `crash` is such an entry for the worker that was lost with a batch in flight, which
-- made the lane suspect. A commit ends the list, since the next event is at the head then.

-- Other files use no more of this one: what stands in the block is no local variable of the whole library, which may have
-- 200.
local take_back

do

-- Under way; or its worker was cut off, and nobody knows why.
local LOST = 0
-- Its worker was seen to die.
local DIED = 1
-- Its worker lost the lane, and came back later.
local RETURNED = 2

-- More returned attempts than these are not remembered: each doubles the lease of the next attempt.
local RETURNS = 4
-- The longest that can be configured is ten minutes, in ms; doubled as often as that.
local LONGEST_LEASE = 600000 * 2 ^ RETURNS
-- No list is longer. The settings that end an event allow fewer.
local MOST_ATTEMPTS = 256

-- A lease lasts until its deadline, or for as long as the last heartbeat of its owner is younger than the lease,
-- whichever is later, so an idle lane costs no renewal. `live` holds the owners with such a heartbeat. A deadline that
-- no claim can have written so far ahead has passed: a clock that was wrong is set right, and nothing told by how much.
-- For an owner that is not listed (a claim that arrived after its burial) that is any deadline beyond the caller's `lease`.
-- One that is listed may have had a lease that was doubled (`take`); it was silent, so no clock was seen to step back.
local function is_free(name, owner, deadline, lease, live, now_ms)
  if not owner or owner == '' then return true end
  if live[owner] then return false end
  local left = (tonumber(deadline or '') or 0) - now_ms
  if left < 0 or left > LONGEST_LEASE then return true end
  if left < lease + STEP_BACK then return false end
  if not redis.call('ZSCORE', name .. ':procs', owner) then return true end
  local own = tonumber(redis.call('HGET', name .. ':proc:' .. owner, 'lease') or '') or lease
  return left >= own * 2 ^ RETURNS + STEP_BACK
end

-- A key of another type counts as empty here: its own lane reports it, and the other lanes go on.
local function has_events(queue)
  local length = redis.pcall('LLEN', queue)
  return type(length) == 'number' and length > 0
end

local function read_attempt(entry)
  if type(entry) == 'table' and type(entry[1]) == 'string' and type(entry[2]) == 'string'
    and type(entry[3]) == 'number' then
    return { token = entry[1], owner = entry[2], state = entry[3] }
  end
end

-- A field that holds something else, also that of an older library, holds no attempts.
local function read_attempts(text)
  local good, list = pcall(cjson.decode, text or '')
  local attempts = {}
  if good and type(list) == 'table' then
    for _, entry in ipairs(list) do attempts[#attempts + 1] = read_attempt(entry) end
  end
  return attempts
end

local function read_crash(text)
  local good, entry = pcall(cjson.decode, text or '')
  return good and read_attempt(entry) or nil
end

local function crash_text(crash)
  return crash and cjson.encode({ crash.token, crash.owner, crash.state }) or ''
end

local function attempt_of(attempts, token)
  for index, attempt in ipairs(attempts) do
    if attempt.token == token then return attempt, index end
  end
end

-- The fields of a lane's hash for a list of attempts, how many did not come back, and how many of these were seen to die.
local function attempt_fields(attempts)
  local entries, counts = {}, { [LOST] = 0, [DIED] = 0, [RETURNED] = 0 }
  for index = #attempts, math.max(1, #attempts - MOST_ATTEMPTS + 1), -1 do
    local attempt = attempts[index]
    counts[attempt.state] = (counts[attempt.state] or 0) + 1
    if attempt.state ~= RETURNED or counts[RETURNED] <= RETURNS then
      table.insert(entries, 1, { attempt.token, attempt.owner, attempt.state })
    end
  end
  local open = counts[LOST] + counts[DIED]
  local text = #entries > 0 and cjson.encode(entries) or ''
  return { 'tried', text, 'attempts', whole(open), 'deaths', whole(counts[DIED]) }, open, counts[DIED], counts[RETURNED]
end

-- Whether an owner may have had events in a stage that are no counted attempt: a batch.
local function may_have_batch(token, dirty, serial, attempts)
  if attempt_of(attempts, token) then return false end
  return dirty == '1' or dirty == '2' and serial and serial ~= ''
end

-- Takes a lane that is free. Gives its token, larger than any before; whether it is suspect; and how many attempts of
-- the head event did not come back. A lane with an empty queue is never suspect.
--
-- A worker that is heard of has come back from an attempt of old, whatever kept it. Each that came back too late doubles
-- the lease, up to 16 times: an event that takes longer than a lease would else be taken from one worker after another.
local function take(lane, queue, owner, lease, us, live)
  local known = redis.call('HMGET', lane, 'owner', 'token', 'dirty', 'serial', 'tried', 'crash')
  local token = whole(math.max(tonumber(known[2] or 0) + 1, us))
  local was_in_flight = known[3] == '1' or known[3] == '2'
  local has_owner = known[1] and known[1] ~= ''
  local suspect = (was_in_flight or has_owner) and has_events(queue)
  local attempts, crash = {}, ''
  if suspect then
    attempts, crash = read_attempts(known[5]), known[6] or ''
    if has_owner and may_have_batch(known[2], known[3], known[4], attempts) then
      crash = crash_text({ token = known[2], owner = known[1], state = LOST })
    end
    for _, attempt in ipairs(attempts) do
      if attempt.state == LOST and (attempt.owner == owner or live[attempt.owner]) then attempt.state = RETURNED end
    end
  end
  local fields, open, _, returned = attempt_fields(attempts)
  local deadline = us / 1000 + lease * 2 ^ math.min(RETURNS, returned)
  redis.call('HSET', lane, 'owner', owner, 'token', token, 'deadline', whole(deadline), 'serial', '',
    'dirty', suspect and '2' or '1', 'crash', crash, unpack(fields))
  return token, suspect and '1' or '0', whole(open)
end

-- tidings_claim 2 LANE QUEUE NAME OWNER LEASE [SHAPE]  ->  {'OK', token, suspect, attempts} or {'TAKEN', owner, deadline}
local function claim(keys, args)
  local refusal = refuse_shape(keys[1], args[4])
  if refusal then return refusal end
  local us = now_us()
  local lease = tonumber(args[3])
  local known = redis.call('HMGET', keys[1], 'owner', 'deadline')
  local _, live = live_processes(args[1], lease, us / 1000)
  if not is_free(args[1], known[1], known[2], lease, live, us / 1000) then return { 'TAKEN', known[1], known[2] } end
  local token, suspect, attempts = take(keys[1], keys[2], args[2], lease, us, live)
  return { 'OK', token, suspect, attempts }
end

-- Uncounts the attempt of the token that has the lane: it ended without a crash.
function take_back(lane, token)
  local attempts = read_attempts(redis.call('HGET', lane, 'tried'))
  local _, index = attempt_of(attempts, token)
  if not index then return end
  table.remove(attempts, index)
  redis.call('HSET', lane, unpack((attempt_fields(attempts))))
end

-- The worker with a token of old lives: what was counted for it, as a loss or as a death, counts no longer.
local function come_back(lane, token)
  local known = redis.call('HMGET', lane, 'tried', 'crash')
  local attempts, crash = read_attempts(known[1]), read_crash(known[2])
  local attempt = attempt_of(attempts, token)
  if attempt and attempt.state ~= RETURNED then
    attempt.state = RETURNED
    redis.call('HSET', lane, unpack((attempt_fields(attempts))))
  end
  if crash and crash.token == token then redis.call('HSET', lane, 'crash', '') end
end

-- tidings_release 1 LANE TOKEN NAME [SUSPECT]  ->  {'OK'} or {'FENCED'}. No batch is in flight, so the lane is not
-- suspect to its next owner, unless it is still suspect to this one: SUSPECT is '1', or it has not committed yet.
local function release(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'dirty', 'serial')
  if known[1] ~= args[1] then
    come_back(keys[1], args[1])
    return { 'FENCED' }
  end
  if args[3] == '1' or known[2] == '2' and known[3] == '' then
    take_back(keys[1], args[1])
    redis.call('HSET', keys[1], 'owner', '', 'deadline', '0', 'dirty', '1')
  else
    redis.call('HSET', keys[1], 'owner', '', 'deadline', '0', 'dirty', '0', 'crash', '', unpack((attempt_fields({}))))
  end
  announce({ args[2] .. ':control', 'free' })
  return { 'OK' }
end

-- What is known of the end of a process, and what that makes of an attempt that it had begun: the entry's new state,
-- or false when it counts no longer.
local ENDS = { died = DIED, left = false, unknown = LOST }

-- Whether an attempt, or a batch, is that of a process that is gone, and whether the process was heard of after it had
-- lost the lane: then it has ended over something else. `gone` gives the last heartbeat (ms) of each, or 0; `successor`
-- is the token of who had the lane next, a time in µs.
local function is_of(gone, attempt, successor)
  local beat = attempt and attempt.state == LOST and gone[attempt.owner]
  if not beat then return false end
  return true, attempt.token ~= successor and beat * 1000 > tonumber(successor or 0)
end

-- Ends the lease of a process that is gone, and settles the attempts that it had begun, also where another worker has
-- the lane by now. Returns whether one of the processes owned the lane.
local function end_lease(lane, gone, state)
  local known = redis.call('HMGET', lane, 'owner', 'token', 'dirty', 'serial', 'tried', 'crash')
  local attempts, crash = read_attempts(known[5]), read_crash(known[6])
  local owned = known[1] and gone[known[1]] ~= nil
  if owned then
    if may_have_batch(known[2], known[3], known[4], attempts) then
      crash = state and { token = known[2], owner = known[1], state = state }
    end
    redis.call('HSET', lane, 'owner', '', 'deadline', '0', 'crash', crash_text(crash))
  end
  if state == LOST then return owned end
  local left, has_changed = {}, false
  for index, attempt in ipairs(attempts) do
    local is_meant, has_returned = is_of(gone, attempt, attempts[index + 1] and attempts[index + 1].token or known[2])
    if is_meant then has_changed, attempt.state = true, state end
    if has_returned then attempt.state = RETURNED end
    if attempt.state then left[#left + 1] = attempt end
  end
  if has_changed then redis.call('HSET', lane, unpack((attempt_fields(left)))) end
  local is_meant, has_returned = is_of(gone, crash, known[2])
  if is_meant then
    crash.state = state
    redis.call('HSET', lane, 'crash', crash_text(state and not has_returned and crash))
  end
  return owned
end

local function end_leases(name, owners, state)
  local lanes = layout_of(name) or {}
  local gone = {}
  for _, owner in ipairs(owners) do
    gone[owner] = tonumber(redis.call('ZSCORE', name .. ':procs', owner) or 0)
    redis.call('ZREM', name .. ':procs', owner)
    redis.call('DEL', name .. ':proc:' .. owner)
  end
  local freed = 0
  for _, lane in ipairs(lanes) do
    if end_lease(lane_key(name, lane[1], lane[2]), gone, state) then freed = freed + 1 end
  end
  announce({ name .. ':control', 'free' })
  return freed
end

-- tidings_bury 0 NAME OWNER…  ->  how many lanes were freed. Ends the leases of these workers at once. For whoever saw
-- them die: the event that each of them tried alone may have killed it.
local function bury(_, args)
  return end_leases(args[1], { unpack(args, 2) }, DIED)
end

-- tidings_attempt 1 LANE TOKEN [BACK]  ->  {'OK', attempts, losses, deaths} or {'FENCED'}. Counts an attempt of the head
-- event before it is made; the next commit sets the counts back. A token counts one attempt at most, so a call may be
-- repeated after a lost reply. Of the attempts before it, `losses` did not come back and nobody knows why; `deaths` are
-- the workers that were seen to die over this event, the one that died over its batch included.
-- With BACK '1' the attempt has ended without a commit and without a crash: it is uncounted, also if another worker has
-- the lane by now (FENCED), as long as the same event is at the head.
local function attempt(keys, args)
  local lane, token = keys[1], args[1]
  local known = redis.call('HMGET', lane, 'owner', 'token', 'tried', 'crash')
  if known[2] ~= token or known[1] == '' then
    come_back(lane, token)
    return { 'FENCED' }
  end
  local attempts, crash = read_attempts(known[3]), read_crash(known[4])
  local own, index = attempt_of(attempts, token)
  local has_changed = true
  if args[2] == '1' then
    if own then table.remove(attempts, index) else has_changed = false end
  elseif own then
    has_changed = false
  else
    attempts[#attempts + 1] = { token = token, owner = known[1] or '', state = LOST }
  end
  local fields, open, died = attempt_fields(attempts)
  if has_changed then redis.call('HSET', lane, unpack(fields)) end
  local is_under_way = attempt_of(attempts, token) and 1 or 0
  local batch = crash and crash.state == DIED and 1 or 0
  return { 'OK', open, open - died - is_under_way, died + batch }
end

-- tidings_balance 0 NAME ID STAGES LEASE CLAIM [SHAPE]
-- ->  {share, {partition, stage, token, suspect, paused, surplus, attempts, waiting}…, [ms]}: the worker's lanes, and the
-- time until the next lease of a dead worker ends, if there is one: the caller balances again then. `waiting`: whether
-- the queue holds an event. The answer names a lane without a commit as it was when it was taken, since the call that
-- took it may have lost its answer.
-- Takes free lanes up to the worker's share when CLAIM is '1'; lanes beyond the share are surplus, to be released.
-- Lanes that the same workers can serve form a group, and each of these workers has a share of ceil(lanes / workers) of
-- it: so no lane stays free while its workers are busy with lanes that others can serve as well.
local function balance(_, args)
  local name, id, lease = args[1], args[2], tonumber(args[4])
  local lanes, _, _, shape = layout_of(name)
  if not lanes or args[6] and args[6] ~= shape then return reshaped(name, shape, args[6] or 'the one of a worker') end
  local us = now_us()
  local now_ms = us / 1000
  follow_clock(name, now_ms, id)
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
  local group_of, groups = {}, {}
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
      elseif is_free(name, known[1], known[2], lease, live, now_ms) then
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
        entry[3], entry[4], entry[7] = take(key, queue, id, lease, us, live)
        mine[#mine + 1] = entry
      end
    end
  end
  table.insert(mine, 1, share)
  if wait then mine[#mine + 1] = math.max(0, math.ceil(wait)) + 1 end
  return mine
end

-- tidings_leave 0 NAME ID [HOW]  ->  1. Takes a process off the list, and frees the lanes that it could not release.
-- HOW: `died`, it was seen to die, or one of the same name starts anew; `left`, it ended in order or was made to, so no
-- event is the cause; otherwise nobody knows.
local function leave(_, args)
  local state = ENDS[args[3] or 'unknown']
  if state == nil then state = LOST end
  end_leases(args[1], { args[2] }, state)
  return 1
end

register('tidings_claim', claim, 'allow-oom')
register('tidings_release', release, 'allow-oom')
register('tidings_bury', bury, 'allow-oom')
register('tidings_attempt', attempt, 'allow-oom')
register('tidings_balance', balance, 'allow-oom')
register('tidings_leave', leave, 'allow-oom')

end
