--[[
The function library of Tidings: every step that has to be atomic. Contract: docs/contract.md.
Its files are joined in the order that FunctionLibrary+tidings.swift names; that puts the first line and VERSION before
them. A file uses what stands in files before it.


Rules that hold for all of it:
- Check first, write last: Redis does not roll a script back.
- A lane's hash holds: owner, token, deadline (ms), serial (of the last commit), attempts, tried (the token that the
  last of them was counted under), dirty, paused, and the counters in, out, emitted, dropped, dead, held. `in` counts
  arrivals, so that for every stage in = out + dropped + dead + held + LLEN(queue); a door's arrivals are not seen, so
  it counts them when it takes them.
- Time is the server's (TIME): no clock of another host matters.
- Functions that only drain are flagged allow-oom: they free memory and have to work when it is full.
]]

-- Lua's unpack puts everything on the stack, which ends near 8,000 values.
local CHUNK = 1000

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

local function version()
  return VERSION
end

local function register(name, callback, ...)
  redis.register_function({ function_name = name, callback = callback, flags = { ... } })
end

register('tidings_version', version, 'no-writes')
