-- The epoch and the shape of a pipeline, and whether they are those of this server's data.
--
-- {NAME.p}:epoch holds `number`, the server state that it belongs to (`run_id`, and `replid`: the replication id, which
-- changes when a replica becomes a master), and `shape`: CONTRACT/PARTITIONS/STAGES. All partitions of a pipeline have
-- the same. NAME:config holds the shape as well, in parts and whole.
--
-- The variables of a library live exactly as long as its instance. A restart, a full resynchronisation as a replica, and
-- FUNCTION LOAD or RESTORE make a new instance; FLUSHALL makes none, but then the key is gone. So a number that this
-- instance has verified once needs no second look at the server: what can take the data back in time ends the instance,
-- or changes the number in the key.

-- A number is T * 2^22 + H. T is when it was issued, in seconds by the server's clock, or more than that of every known
-- number where the clock says no more. H is made of the server's identity at that moment: data that go back twice at
-- once, or under a clock that steps back, must not bring the same number again, though the caller of the second renewal
-- may know of no earlier one. What takes data back changes the run id or the replication id, or leaves the instance of
-- the library alive, which knows the highest number. Numbers of older libraries have ten digits: these have 16, are
-- larger, and sort behind them as text. They are exact as a Lua number, and in JavaScript, until 2069.
local SPAN = 2 ^ 22
local SINCE = 1000000000

local function next_number(known, run_id, replid)
  local now = now_us()
  local time = math.max(math.floor(now / 1000000) - SINCE, math.floor(known / SPAN) + 1)
  local hash = redis.sha1hex(run_id .. ' ' .. replid .. ' ' .. whole(now))
  return whole(time * SPAN + tonumber(string.sub(hash, 1, 6), 16) % SPAN)
end

-- NAME NUL NUMBER of each epoch that this instance knows to belong to this server state.
local verified = {}
-- The highest number of each pipeline that this instance knows: a new one is higher, also when the key is gone.
local highest = {}

local function epoch_key(name, partition)
  return prefix(name, tostring(partition)) .. ':epoch'
end

local function remember_epoch(name, number)
  verified[name .. '\0' .. number] = true
  highest[name] = math.max(highest[name] or 0, tonumber(number) or 0)
end

local function server_identity()
  local info = redis.call('INFO', 'server') .. '\n' .. redis.call('INFO', 'replication')
  return string.match(info, 'run_id:(%x+)') or '', string.match(info, 'master_replid:(%x+)') or ''
end

-- Whether an epoch with this identity belongs to the state of this server. One of an older library has no `replid`.
local function is_own(run_id, replid, own_run_id, own_replid)
  return run_id == own_run_id and (not replid or replid == own_replid)
end

-- Whether the number that stands in an epoch key belongs to this server's data. It reads INFO at most once for each
-- instance of the library and each number.
local function is_sure(name, key, number)
  if not number then return false end
  if verified[name .. '\0' .. number] then return true end
  local known = redis.call('HMGET', key, 'run_id', 'replid')
  local run_id, replid = server_identity()
  if not is_own(known[1], known[2], run_id, replid) then return false end
  remember_epoch(name, number)
  return true
end

-- The epoch's number in KEY, as text; nil when it is not sure that it belongs to this server's data. Writes nothing.
local function sure_epoch(key)
  local number = redis.call('HGET', key, 'number')
  return is_sure(name_of(key), key, number) and number or nil
end

local function unsure()
  return redis.error_reply(
    'UNSURE the data may have gone back in time since the epoch was written; a heartbeat or tidings_hello renews it')
end

-- Shape ---------------------------------------------------------------------------------------------------------------

local function shape_text(contract, partitions, stages)
  return contract .. '/' .. partitions .. '/' .. stages
end

-- The fields of a shape as they stand in NAME:config: contract, partitions, stages.
local function shape_fields(shape)
  return string.match(shape, '^([^/]*)/(%d+)/(.*)$')
end

-- The parts of a shape: contract, number of partitions, list of stages.
local function shape_parts(shape)
  local contract, partitions, stages = shape_fields(shape)
  return contract, tonumber(partitions), split(stages or '', ',')
end

-- The shape that Redis holds, and whether NAME:config is whole: without it the epoch key tells. Nil when there is none.
local function shape_of(name)
  local known = redis.call('HMGET', name .. ':config', 'contract', 'partitions', 'stages', 'shape')
  if known[1] and tonumber(known[2] or '') and known[3] then
    local shape = shape_text(known[1], known[2], known[3])
    return shape, known[4] == shape
  end
  return redis.call('HGET', epoch_key(name, 0), 'shape') or nil, false
end

-- Every lane of a pipeline, its number of partitions, its stages and its shape; nil when Redis holds none.
local function layout_of(name)
  local shape = shape_of(name)
  if not shape then return nil end
  local _, partitions, stages = shape_parts(shape)
  return lanes_of(partitions, stages), partitions, stages, shape
end

local function reshaped(name, stored, given)
  return redis.error_reply(
    'RESHAPED pipeline ' .. name .. ' has ' .. (stored and 'the shape ' .. stored or 'no shape') .. ' in Redis, '
      .. given .. ' here (contract/partitions/stages); nothing was changed')
end

-- What is known for the key of a lane or a queue, in one read: number and shape of its partition. NAME:incoming belongs to
-- none, and its commits publish nothing: then only the shape is known.
local function mark_of(key)
  local name = name_of(key)
  local partition = string.match(key, '^{.+%.(%d+)}:')
  local mark = { name = name, key = partition and epoch_key(name, partition) or name .. ':config' }
  local known = redis.call('HMGET', mark.key, 'shape', 'number')
  mark.shape, mark.number = known[1], partition and known[2]
  return mark
end

-- An error reply when the caller's shape is not the one that Redis holds for the key of a lane or a queue; else nothing. A
-- caller that names no shape is not asked.
local function refuse_shape(key, given, mark)
  if not given then return nil end
  mark = mark or mark_of(key)
  if mark.shape ~= given then return reshaped(mark.name, mark.shape, given) end
end

-- Renewal -------------------------------------------------------------------------------------------------------------

-- Brings the epoch keys up to date, and returns the number. The number stays while that of partition 0 belongs to this
-- server's data and nobody knows a higher one. Else it is a new one above every known number (`known` is the caller's),
-- which was never issued before; and all processes hear of it on NAME:control, before anything that is announced later.
-- `partitions`: how many keys are written; more than the shape has when it has shrunk. Reads first, then writes.
local function keep_epoch(name, shape, known, partitions)
  local run_id, replid = server_identity()
  partitions = partitions or select(2, shape_parts(shape))
  local first, is_current = nil, true
  known = tonumber(known or 0) or 0
  for partition = 0, partitions - 1 do
    local key = epoch_key(name, partition)
    demand('HSET', key, 'number', '0')
    local held = redis.call('HMGET', key, 'number', 'shape', 'run_id', 'replid')
    first = first or held
    if held[1] ~= first[1] or held[2] ~= shape or held[3] ~= run_id or held[4] ~= replid then is_current = false end
    known = math.max(known, tonumber(held[1] or 0) or 0)
  end
  local number = first[1]
  local is_sound = number and tonumber(number) == known
    and (verified[name .. '\0' .. number] or is_own(first[3], first[4], run_id, replid))
  if not is_sound then
    number = next_number(math.max(known, highest[name] or 0), run_id, replid)
  end
  if not (is_sound and is_current) then
    for partition = 0, partitions - 1 do
      redis.call('HSET', epoch_key(name, partition), 'run_id', run_id, 'replid', replid, 'number', number,
        'shape', shape)
    end
  end
  remember_epoch(name, number)
  if not is_sound then announce({ name .. ':control', 'epoch ' .. number }) end
  return tonumber(number)
end

-- Before something is appended to a feed: renews the epoch when it is not sure. `mark` comes from mark_of.
local function renew_if_unsure(mark)
  if is_sure(mark.name, mark.key, mark.number) then return end
  local shape = mark.shape or shape_of(mark.name)
  if shape then keep_epoch(mark.name, shape) end
end
