-- What a change of a pipeline's shape leaves behind: letters of lanes that no longer exist, and keys of recent events in
-- the sets of partitions that have been cut anew. And what it takes along: which conversations are closed.
--
--   NAME:former  set: `PARTITION STAGE` of each lane of a former shape that may still have letters.
--   NAME:seen    hash: a set of recent keys of a former shape -> when it was begun (ms). Its name ends in `:new` or `:old`.

local function list_key(name, partition, kind, stage)
  return prefix(name, partition) .. ':' .. kind .. ':' .. stage
end

-- How many letters a lane's list keeps; none when the key holds another type.
local function letters_in(name, partition, kind, stage)
  local length = redis.pcall('LLEN', list_key(name, partition, kind, stage))
  return type(length) == 'number' and length or 0
end

local function has_letters(name, partition, stage)
  return letters_in(name, partition, 'dead', stage) + letters_in(name, partition, 'held', stage) > 0
end

-- The lanes of former shapes that have letters and are none of `lanes`, as {partition, stage}.
local function former_lanes(name, lanes)
  local there, former = {}, {}
  for _, lane in ipairs(lanes) do there[lane[1] .. ' ' .. lane[2]] = true end
  local known = redis.pcall('SMEMBERS', name .. ':former')
  if known.err then return former end
  table.sort(known)
  for _, text in ipairs(known) do
    local partition, stage = string.match(text, '^(%d+) (.+)$')
    if partition and not there[text] and has_letters(name, partition, stage) then
      former[#former + 1] = { partition, stage }
    end
  end
  return former
end

-- Puts the sets of recent keys of a shape's partitions aside: a conversation may have another partition from now on. They
-- are renamed, not copied, so that this takes no time, and they keep their expiry.
local function put_seen_aside(name, partitions, stages, us)
  local index = name .. ':seen'
  local longest = redis.call('PTTL', index)
  for partition = 0, partitions - 1 do
    local seen = prefix(name, tostring(partition)) .. ':seen'
    local since
    for _, stage in ipairs(stages) do
      local begun = redis.pcall('HGET', lane_key(name, tostring(partition), stage), 'seen_since')
      since = math.max(since or 0, tonumber(type(begun) == 'string' and begun or '') or 0)
    end
    for _, part in ipairs({ ':new', ':old' }) do
      if redis.call('TYPE', seen .. part).ok == 'set' then
        local aside = seen .. ':' .. whole(us) .. part
        redis.call('RENAME', seen .. part, aside)
        redis.call('HSET', index, aside, whole(since and since > 0 and since or us / 1000))
        longest = math.max(longest, redis.call('PTTL', aside))
      end
    end
  end
  if longest > 0 then redis.call('PEXPIRE', index, longest) end
end

-- How many closed conversations a change of the number of partitions can take along: less than a second for each 100,000, in
-- which no process of the pipeline lives, but Redis serves nobody else either.
local MOST_CLOSED = 500000

-- The sums of all bytes for CRC16 as Redis Cluster has it, polynomial 0x1021 (PipelineLayout.swift). `bit` is not there
-- yet when the library is loaded.
local function crc_table()
  local sums = {}
  for byte = 0, 255 do
    local sum = byte * 256
    for _ = 1, 8 do
      sum = sum >= 32768 and bit.bxor(sum * 2 % 65536, 0x1021) or sum * 2
    end
    sums[byte] = sum
  end
  return sums
end

local function partition_of(conversation, partitions, sums)
  local sum = 0
  for at = 1, #conversation do
    sum = bit.bxor(sum % 256 * 256, sums[bit.bxor(math.floor(sum / 256), string.byte(conversation, at))])
  end
  return sum % partitions
end

-- The keys of the closed conversations of so many partitions. Raises the error of a foreign type, or of a right that the
-- caller lacks.
local function closed_keys(name, partitions)
  local keys, count = {}, 0
  for partition = 0, partitions - 1 do
    local key = prefix(name, tostring(partition)) .. ':closed'
    demand('HSET', key, '', '')
    demand('HDEL', key, '')
    keys[partition] = key
    count = count + redis.call('HLEN', key)
  end
  return keys, count
end

-- How many closed conversations stand in the partitions of a shape.
local function count_closed(name, partitions)
  local _, count = closed_keys(name, partitions)
  return count
end

-- Puts the closed conversations of a shape's partitions where its successor looks for them. `keys`: those of both.
local function move_closed(keys, partitions, new_partitions)
  local sums = crc_table()
  for partition = 0, partitions - 1 do
    local cursor = '0'
    repeat
      -- One that comes into this hash meanwhile is where it belongs.
      local page = redis.call('HSCAN', keys[partition], cursor, 'COUNT', CHUNK)
      local moved, gone = {}, {}
      for index = 1, #page[2], 2 do
        local conversation = page[2][index]
        local goal = partition_of(conversation, new_partitions, sums)
        if goal ~= partition then
          moved[goal] = moved[goal] or {}
          table.insert(moved[goal], conversation)
          table.insert(moved[goal], page[2][index + 1])
          gone[#gone + 1] = conversation
        end
      end
      for goal, fields in pairs(moved) do call_in_chunks('HSET', keys[goal], fields, 1, #fields) end
      call_in_chunks('HDEL', keys[partition], gone, 1, #gone)
      cursor = page[1]
    until cursor == '0'
  end
end

-- Writes down what the change from one shape to another leaves behind. Stages are separated by commas. Nothing to do when
-- there was no shape, or the same.
local function leave_shape(name, partitions, stages, new_partitions, new_stages)
  if not partitions or not stages or partitions == new_partitions and stages == new_stages then return end
  local key, stays = name .. ':former', {}
  -- Raises the error of a foreign type before anything is written.
  redis.call('SCARD', key)
  redis.call('HLEN', name .. ':seen')
  local closed = partitions ~= new_partitions
    and closed_keys(name, math.max(tonumber(partitions), tonumber(new_partitions)))
  for _, lane in ipairs(lanes_of(tonumber(new_partitions), split(new_stages, ','))) do
    stays[lane[1] .. ' ' .. lane[2]] = true
  end
  for _, lane in ipairs(lanes_of(tonumber(partitions), split(stages, ','))) do
    local text = lane[1] .. ' ' .. lane[2]
    if not stays[text] and has_letters(name, lane[1], lane[2]) then redis.call('SADD', key, text) end
  end
  if closed then
    move_closed(closed, tonumber(partitions), tonumber(new_partitions))
    put_seen_aside(name, tonumber(partitions), split(stages, ','), now_us())
  end
end
