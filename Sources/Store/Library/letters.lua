-- Letters: dead letters and held events.

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
register('tidings_letters', letters, 'allow-oom')
