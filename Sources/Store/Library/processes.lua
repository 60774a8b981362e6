-- Configuration, epoch, and the processes that live.

-- The processes that were heard within the last `lease` ms, as a list and as a set.
local function live_processes(name, lease, now_ms)
  local list = redis.call('ZRANGEBYSCORE', name .. ':procs', whole(now_ms - lease), '+inf')
  local set = {}
  for _, id in ipairs(list) do set[id] = true end
  return list, set
end

-- Gives every partition a new epoch when the server has restarted or was replaced: it may have lost events. The number
-- is at least the time in seconds, so that it is not issued twice when the append-only file lost the last second.
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
-- Every process calls it after each connect, before anything else. STAGES are separated by commas. A configuration that
-- differs replaces the stored one when that strands nothing: no process lives, and the queues that it would orphan are
-- empty.
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
  pass_time(now_us() / 1000)
  redis.call('HSET', key, 'contract', contract, 'partitions', partitions, 'stages', stages)
  renew_epoch(name, tonumber(partitions))
  return { 'OK' }
end

-- tidings_beat 0 NAME ID ROLE STAGES TTL (field value)…  ->  the ids of all processes that were heard within TTL, or
-- within the field `lease` (ms) where one is given, so that a worker notices when another one's leases end.
-- Keeps a process listed, and with it the leases of its lanes. STAGES: those that it serves, 'incoming' among them.
-- It uses few commands, since every process calls it every two seconds.
local function beat(_, args)
  local name, id, ttl = args[1], args[2], tonumber(args[5])
  local now_ms = now_us() / 1000
  local key = name .. ':proc:' .. id
  local is_new = redis.call('ZADD', name .. ':procs', whole(now_ms), id) == 1
  local fields = { 'role', args[3], 'stages', args[4] }
  local window = ttl
  for index = 6, #args do fields[#fields + 1] = args[index] end
  for index = 6, #args - 1, 2 do
    -- Edges beat every 4 s: to workers with a shorter lease they would seem to come and go.
    if args[index] == 'lease' then window = math.min(ttl, math.max(5000, tonumber(args[index + 1]))) end
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, ttl)
  if is_new then
    -- Entries stay for the longest lease that can be configured: their process may still own lanes.
    redis.call('ZREMRANGEBYSCORE', name .. ':procs', '-inf', whole(now_ms - 600000))
    redis.call('PUBLISH', name .. ':control', 'join')
  end
  return live_processes(name, window, now_ms)
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
