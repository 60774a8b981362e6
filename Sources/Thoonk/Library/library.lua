--[[
The function library of the Thoonk client: every verb of the contract in one step. Contract: docs/contract.md.

Rules that hold for all of it:
- Check first, write last: Redis does not roll a script back. Every key that a verb may write is looked at before the
  first write, so that a key of a foreign type is an error that leaves no trace.
- Announcements are made inside the function: none can be lost between the data and the word of it.
- F is a feed's name, INSTANCE the id of the client that asks. Names, ids and items are bytes.
- Time is the server's (TIME), in ms: no clock of another host matters.
- Functions that only drain are flagged allow-oom: they free memory and have to work when it is full.
- Verbs that add make the feed when it is not there. Verbs that take find an empty feed in its place.
- Errors begin with a word of ours: FEEDTYPE (the feed is of another type), NOFEED, NOITEM, SEQUENCED (a pipeline gives
  this feed's ids), BADARG.
]]

-- Lua's unpack puts everything on the stack, which ends near 8,000 values.
local CHUNK = 1000

-- Scores below this are seconds, as the Python client writes some of them; from here on they are milliseconds.
local SECONDS_END = 100000000000

-- How long a claim lasts when neither the caller nor the feed says it, in ms.
local CLAIM_TIMEOUT = 300000

-- How many overdue claims a get takes back before it takes a job.
local OVERDUE = 100

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function whole(number)
  return string.format('%.0f', number)
end

local function fine(number)
  return string.format('%.3f', number)
end

local function fail(word, text)
  return redis.error_reply(word .. ' ' .. text)
end

local function key(name, feed)
  return 'feed.' .. name .. ':' .. feed
end

-- All of a feed's keys, whatever its type: those of the contract, `running` and `retried`, which the Python client
-- names, and our own, `deadlines` and `missing`.
local KEYS_OF_A_FEED = { 'config', 'ids', 'items', 'publishes', 'idincr', 'published', 'claimed', 'cancelled', 'stalled',
  'finishes', 'running', 'retried', 'deadlines', 'missing' }

-- A look at a key raises the server's own error when the key holds a foreign type.
local looks = {
  config = 'HLEN', items = 'HLEN', cancelled = 'HLEN',
  published = 'ZCARD', claimed = 'ZCARD', deadlines = 'ZCARD', missing = 'ZCARD',
  stalled = 'SCARD',
}

local function look(feed, names)
  for _, name in ipairs(names) do redis.call(looks[name], key(name, feed)) end
end

-- A counter that is no number would fail half-way: nil and an error then.
local function look_at_counter(name, feed)
  local value = redis.call('GET', key(name, feed))
  if value and not (string.match(value, '^-?%d+$') and #value < 19) then
    return fail('WRONGTYPE', key(name, feed) .. ' holds no whole number')
  end
end

-- An error when the feed is of another type than the verb. One without a type passes: the Python client gives it in a
-- second step.
local function check(feed, kind)
  local there = redis.call('HGET', key('config', feed), 'type')
  if there and there ~= kind then
    return fail('FEEDTYPE', "the feed '" .. feed .. "' is of the type " .. there .. ', not ' .. kind)
  end
  return nil, there
end

local function announce(channel, feed, ...)
  redis.call('PUBLISH', channel .. ':' .. feed, table.concat({ ... }, '\0'))
end

local function announce_feed(channel, feed, instance)
  redis.call('PUBLISH', channel, feed .. '\0' .. instance)
end

-- Makes the feed if it is not there; `there` is the type that was found. Everything has been looked at before.
local function ensure(feed, kind, instance, there)
  if redis.call('SADD', 'feeds', feed) == 1 then
    redis.call('HSET', key('config', feed), 'type', kind)
    announce_feed('newfeed', feed, instance)
    announce_feed('conffeed', feed, instance)
  elseif not there then
    redis.call('HSET', key('config', feed), 'type', kind)
  end
end

local function pairs_of(args, first, width)
  if (#args - first + 1) % width ~= 0 or #args < first then
    return fail('BADARG', 'the arguments from number ' .. first .. ' on come in groups of ' .. width)
  end
end

local function register(name, callback, ...)
  redis.register_function({ function_name = name, callback = callback, flags = { ... } })
end

local function version()
  return VERSION
end

register('thoonk_version', version, 'no-writes')
