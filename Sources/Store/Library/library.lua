--[[
The function library of Tidings: every step that has to be atomic. Contract: docs/contract.md.
Its files are joined in the order that FunctionLibrary+tidings.swift names; that puts the first line and VERSION before
them. A file uses what stands in files before it.


Rules that hold for all of it:
- Check first, write last: Redis does not roll a script back. Types are checked by reading, rights by `demand`.
- Announcements come after all writes, and their failure is ignored.
- A lane's hash holds: owner, token, deadline (ms), serial (of the last commit), dirty, paused; attempts, deaths, tried
  and crash (lanes.lua); and the counters in, out, emitted, dropped, dead, held. `in` counts arrivals, so that for every
  stage in = out + dropped + dead + held + LLEN(queue). Arrivals in an incoming queue are not seen, since any program
  may push there: its lane counts them when it takes them.
- Time is the server's (TIME): no clock of another host matters.
- Functions that only drain are flagged allow-oom: they free memory, so they have to work when it is full.
]]

-- Lua's unpack puts everything on the stack, which ends near 8,000 values.
local CHUNK = 1000

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- A number as text, rounded. Most are whole, and small enough to be written as integers, which costs half.
local function whole(number)
  if number % 1 == 0 and number < 1e15 and number > -1e15 then return string.format('%d', number) end
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

-- The error of a command that was called with pcall, when it is that of a foreign type. Any other is raised: it says
-- nothing about the feed.
local function failure_of(answer)
  local failure = type(answer) == 'table' and answer.err
  if failure and not string.match(failure, '^WRONGTYPE') then error(redis.error_reply(failure)) end
  return failure
end

-- Adds to a counter in a hash. A field that is no number any more begins anew: a broken counter must not stop a
-- function half-way.
local function tally(key, field, number)
  local sum = redis.pcall('HINCRBY', key, field, number)
  if type(sum) == 'table' then redis.call('HSET', key, field, number) end
end

-- Raises an error unless the caller may run a command on a key or a channel. Redis itself checks a call when it is made,
-- which may be half-way. Valkey and Redis have this in functions since 7.0.
local function demand(command, target, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, target, ...) then
    error(redis.error_reply('NOPERM this user may not ' .. command .. ' on ' .. target .. '; nothing was changed'))
  end
end

-- Whether the caller may run a command on all of `targets`: COMMAND, the words of `before`, then the targets. For FCALL
-- `before` is a function's name, and the number of keys is put behind it.
local function may(targets, command, before)
  for start = 1, #targets, CHUNK do
    local last = math.min(start + CHUNK - 1, #targets)
    local words = before and { command, before, tostring(last - start + 1) } or { command }
    for index = start, last do words[#words + 1] = targets[index] end
    if not redis.acl_check_cmd(unpack(words)) then return false end
  end
  return true
end

-- Whether the caller may read and write all of these keys, as far as that can be seen at once: a user who may not call
-- functions by their own name has to be asked key by key.
local function may_write(keys)
  return not redis.acl_check_cmd or may(keys, 'FCALL', 'tidings')
end

-- The same as `demand` for each of these keys, in one look where the rights allow it. `...`: what follows the key.
local function demand_keys(keys, command, ...)
  if may_write(keys) then
    demand(command, keys[1], ...)
  else
    for _, key in ipairs(keys) do demand(command, key, ...) end
  end
end

-- Publishes what is in `list`: channel, payload, channel, payload, …
local function announce(list)
  for index = 1, #list, 2 do redis.pcall('PUBLISH', list[index], list[index + 1]) end
end

-- The longest life of a key, in ms: Redis refuses times whose end it cannot count. 3,000 years.
local LONGEST = 100000000000000

-- Adds an announcement to those that a call makes at its end: `event` is false where the id is all.
local function hear(heard, channel, id, event)
  local count = #heard
  heard[count + 1], heard[count + 2], heard[count + 3] = channel, id, event
end

local tell
do
  -- Whether all that listen are known to this server: it is no part of a cluster, and has no replica, nor had one that may
  -- come back and be sent what it missed.
  local function hears_all()
    local known = redis.pcall('INFO', 'replication', 'cluster')
    if type(known) ~= 'string' then return false end
    for _, fact in ipairs({ 'connected_slaves:0', 'repl_backlog_active:0', 'cluster_enabled:0' }) do
      if not string.find(known, fact, 1, true) then return false end
    end
    return true
  end

  -- The channels among those of an announcement that somebody listens to: channel -> true. Nil when nobody knows, or
  -- somebody listens to a pattern: then all are announced.
  local function heard_channels(heard)
    if redis.acl_check_cmd and not (redis.acl_check_cmd('PUBSUB', 'NUMSUB') and redis.acl_check_cmd('PUBSUB', 'NUMPAT')
      and redis.acl_check_cmd('INFO')) then
      return nil
    end
    if redis.pcall('PUBSUB', 'NUMPAT') ~= 0 or not hears_all() then return nil end
    local names, known, listened = {}, {}, {}
    for index = 1, #heard, 3 do
      local name = heard[index]
      if not known[name] then known[name], names[#names + 1] = true, name end
    end
    for start = 1, #names, CHUNK do
      local counts = redis.pcall('PUBSUB', 'NUMSUB', unpack(names, start, math.min(start + CHUNK - 1, #names)))
      if counts.err then return nil end
      for index = 1, #counts, 2 do
        if counts[index + 1] > 0 then listened[counts[index]] = true end
      end
    end
    return listened
  end

  -- Publishes what `append` heard: channel, id, event or false, … The payload is written here: earlier, it would be a
  -- second copy of every event until the end of the call. Where nobody listens nothing is sent: most channels have no
  -- reader at a moment, and a call of Redis from Lua costs microseconds.
  function tell(heard)
    if #heard == 0 then return end
    local listened = heard_channels(heard)
    for index = 1, #heard, 3 do
      local channel, event = heard[index], heard[index + 2]
      if not listened or listened[channel] then
        redis.pcall('PUBLISH', channel, event and heard[index + 1] .. '\0' .. event or heard[index + 1])
      end
    end
  end
end

-- Keys ----------------------------------------------------------------------------------------------------------------

-- Partition '' stands for none: NAME:incoming belongs to no partition.
local function prefix(name, partition)
  if partition == '' then return name end
  return '{' .. name .. '.' .. partition .. '}'
end

local function queue_key(name, partition, stage)
  if stage == 'incoming' then return prefix(name, partition) .. ':incoming' end
  return prefix(name, partition) .. ':queue:' .. stage
end

-- The lane of such a queue counts what it takes, not what arrives: any program may push there.
local function is_incoming(queue)
  return string.sub(queue, -9) == ':incoming'
end

local function lane_key(name, partition, stage)
  return prefix(name, partition) .. ':lane:' .. stage
end

-- The closed conversations of the partition that a lane belongs to.
local function closed_key(lane)
  return string.match(lane, '^({.+%.%d+}):') .. ':closed'
end

-- The pipeline that a key belongs to.
local function name_of(key)
  return string.match(key, '^{(.+)%.%d+}:') or string.match(key, '^([^:]+):')
end

-- Every lane of a pipeline as {partition, stage}: NAME:incoming first, then partition by partition, so that a worker
-- that takes neighbours has stages that follow each other.
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
