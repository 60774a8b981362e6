-- What an operator does to a stage.


-- tidings_purge 2 QUEUE LANE  ->  how many events were dropped. Drops also what a worker has in flight: its commit finds
-- the queue changed.
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
    redis.call('HSET', keys[2], 'attempts', '0', 'deaths', '0', 'tried', '')
    redis.call('UNLINK', keys[1])
    if is_incoming(keys[1]) then tally(keys[2], 'in', count) end
    tally(keys[2], 'dropped', count)
    tally(keys[2], 'dropped:purged', count)
  end
  return count
end

-- tidings_pause 0 NAME STAGE ON  ->  how many lanes. ON is '1' or '0'; workers hear of it at once.
local function pause(_, args)
  local name, stage = args[1], args[2]
  local count = 0
  for _, lane in ipairs(layout_of(name) or {}) do
    if lane[2] == stage then
      redis.call('HSET', lane_key(name, lane[1], stage), 'paused', args[3])
      count = count + 1
    end
  end
  announce({ name .. ':control', 'pause' })
  return count
end

register('tidings_purge', purge, 'allow-oom')
register('tidings_pause', pause, 'allow-oom')
