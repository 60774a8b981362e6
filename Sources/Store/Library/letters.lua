-- Letters: events that were set aside, as dead letters or held for a person's decision.
--
-- A letter is a JSON object with id, stage, error, attempts, time (ms) and event. SetAsideEvent.swift defines it and
-- writes all but those of feeds that cannot be written (commit.lua); a test compares the two.

-- Appends letters to a list of at most `cap`. Returns how many of the oldest fell off.
local function store_letters(lane, field, list, cap, letters)
  call_in_chunks('RPUSH', list, letters, 1, #letters)
  tally(lane, field, #letters)
  local over = redis.call('LLEN', list) - cap
  if over > 0 then
    for _, letter in ipairs(redis.call('LRANGE', list, 0, over - 1)) do
      local job = job_of(letter)
      if job then settle(name_of(lane), job, 'stalled') end
      forget_hold(list, letter)
    end
    redis.call('LTRIM', list, over, -1)
    tally(lane, field .. ':forgotten', over)
  end
  return math.max(0, over)
end

-- Call when letters have left a list. After the last one of a lane that no longer exists nobody needs to look there.
local function leave_list(list)
  local name, partition, stage = string.match(list, '^{(.+)%.(%d+)}:%a+:(.+)$')
  if name and not has_letters(name, partition, stage) then
    redis.call('SREM', name .. ':former', partition .. ' ' .. stage)
  end
end

-- tidings_letters 3 LIST QUEUE LANE (letter event)… [SHAPE]  ->  how many were moved
-- The one way out of a list: retry, approve and drop. Takes letters out and puts their events into QUEUE; with an empty
-- QUEUE the events are dropped. LIST may be that of a lane of a former shape. A letter that is gone is skipped: two operators may have chosen it at the same time.
local function letters(keys, args)
  local moved = 0
  local shape = #args % 2 == 1 and table.remove(args) or nil
  if keys[2] ~= '' then
    local stored = shape and shape_of(name_of(keys[2]))
    -- Where Redis holds no shape, no process runs whose shape could be another one.
    if stored and stored ~= shape then return reshaped(name_of(keys[2]), stored, shape) end
    -- Reads the keys that will be written: a foreign type raises its error here, before a letter is taken out.
    redis.call('LLEN', keys[2])
    redis.call('HLEN', keys[3])
  end
  for index = 1, #args, 2 do
    if redis.call('LREM', keys[1], 1, args[index]) == 1 then
      forget_hold(keys[1], args[index])
      if keys[2] ~= '' then
        redis.call('RPUSH', keys[2], args[index + 1])
        if not is_incoming(keys[2]) then tally(keys[3], 'in', 1) end
      else
        local job = job_of(args[index + 1])
        if job then settle(name_of(keys[1]), job, 'dropped: by an operator') end
      end
      moved = moved + 1
    end
  end
  if moved > 0 then leave_list(keys[1]) end
  return moved
end
register('tidings_letters', letters, 'allow-oom')
