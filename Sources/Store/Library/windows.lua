-- Sets that are kept for a window of time: keys of events that were committed, and the rates of authors.

-- Two sets of keys, the new one and the one before it: a key is remembered for at least `window` ms and at most twice
-- that, and at most `cap` keys are. After a step back of the clock the window begins anew.
local function open_seen(lane, key, window, cap, now_ms)
  local recent, older = key .. ':new', key .. ':old'
  local since = tonumber(redis.call('HGET', lane, 'seen_since') or 0)
  if since > now_ms + 1 then
    since = now_ms
    redis.call('HSET', lane, 'seen_since', whole(now_ms))
  end
  if now_ms - since >= window or redis.call('SCARD', recent) >= cap / 2 then
    redis.call('UNLINK', older)
    if redis.call('EXISTS', recent) == 1 then redis.call('RENAME', recent, older) end
    redis.call('HSET', lane, 'seen_since', whole(now_ms))
  end
  return recent, older
end

local note_seen, seen_formerly
do

-- Notes in `found` those of `list` that are in a set: member -> true. `call` is redis.call or redis.pcall: then a set of a
-- foreign type has none.
local function find_members(found, call, set, list)
  for start = 1, #list, CHUNK do
    local known = call('SMISMEMBER', set, unpack(list, start, math.min(start + CHUNK - 1, #list)))
    for offset, is_there in ipairs(known.err and {} or known) do
      if is_there == 1 then found[list[start + offset - 1]] = true end
    end
  end
end

-- Adds keys to the new set, and gives those that were in one of the two before: key -> true.
function note_seen(recent, older, keys)
  if #keys == 0 then return {} end
  local known, fresh = {}, {}
  find_members(known, redis.call, older, keys)
  find_members(known, redis.call, recent, keys)
  for _, key in ipairs(keys) do
    if not known[key] then fresh[#fresh + 1] = key end
  end
  call_in_chunks('SADD', recent, fresh, 1, #fresh)
  return known
end

-- Which of these keys are in a set that a former shape of the pipeline has left (former.lua): a conversation may have had
-- another partition then. Costs one command when there is none. Sets whose window is over are removed.
function seen_formerly(name, keys, window, now_ms)
  local found = {}
  local sets = redis.pcall('HGETALL', name .. ':seen')
  if sets.err or #sets == 0 then return found end
  local asked = {}
  for _, key in ipairs(keys) do
    if key ~= '' and key ~= '\0' then asked[#asked + 1] = key end
  end
  for index = 1, #sets, 2 do
    local set, since = sets[index], tonumber(sets[index + 1]) or 0
    if since > now_ms + 1 then
      since = now_ms
      redis.pcall('HSET', name .. ':seen', set, whole(now_ms))
    end
    -- Keys were added to the new set for one window after it was begun, and to the old one before that.
    if now_ms >= since + window * (string.sub(set, -4) == ':new' and 2 or 1) then
      redis.pcall('UNLINK', set)
      redis.pcall('HDEL', name .. ':seen', set)
    else
      find_members(found, redis.pcall, set, asked)
    end
  end
  return found
end

-- tidings_rate 1 KEY WINDOW LIMIT (author event)…  ->  {beyond, …}: 1 for each event that is more than LIMIT allows its
-- author in a window of that many ms, else 0.
-- EVENT is a whole number that names the event. The same number again, in this window or the next, gets the same answer
-- and is not counted twice, so a batch may be run again. At most LIMIT numbers are stored for an author.
local function rate(keys, args)
  local window, limit = tonumber(args[1]), tonumber(args[2])
  local number = math.floor(now_us() / 1000 / window)
  local recent, older = keys[1] .. ':' .. whole(number) .. ':', keys[1] .. ':' .. whole(number - 1) .. ':'
  local beyond = {}
  for index = 3, #args, 2 do
    local author, event = args[index], args[index + 1]
    local answer = 0
    local is_known = redis.call('SISMEMBER', recent .. author, event) == 1
      or redis.call('SISMEMBER', older .. author, event) == 1
    if not is_known then
      local size = redis.call('SCARD', recent .. author)
      if size < limit then
        redis.call('SADD', recent .. author, event)
        -- From the first event on: that is longer than the next window.
        if size == 0 then redis.call('PEXPIRE', recent .. author, window * 2) end
      else
        answer = 1
      end
    end
    beyond[#beyond + 1] = answer
  end
  return beyond
end

register('tidings_rate', rate, 'allow-oom')

end
