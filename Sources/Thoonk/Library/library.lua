--[[
The function library of the Thoonk client: every verb of the contract in one step. Contract: docs/contract.md. The
files of this folder are joined in the order that FunctionLibrary+thoonk.swift gives, below the declaration of VERSION.

Rules for all of them:
- Check first, write last: Redis does not roll a script back. A verb looks at every key that it may write before its
  first write, so that a key of a foreign type is an error that leaves no trace.
- Announcements are published inside the function: none is lost between the data and its announcement.
- F is the name of a feed, INSTANCE the id of the calling client. Names, ids and items are bytes.
- Time is the server's (TIME), in ms: clocks of other hosts do not matter.
- Functions that only remove are flagged allow-oom: they free memory and must work when it is full.
- Verbs that add create a missing feed. Verbs that take treat it as empty.
- Errors begin with a code of ours: FEEDTYPE (the feed is of another type), NOFEED, NOITEM, SEQUENCED (the feed's ids
  are the sequence numbers of a pipeline), BADARG.
]]

-- Lua's unpack puts all values on the stack, which holds about 8,000.
local CHUNK = 1000

-- Scores below this are seconds, as the Python client writes some of them; other scores are milliseconds.
local SECONDS_END = 100000000000

-- How long a claim lasts when neither the caller nor the feed says so, in ms.
local CLAIM_TIMEOUT = 300000

-- How many expired claims a get takes back before it takes a job.
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

-- All keys of a feed of any type: those of the contract, `running` and `retried` of the Python client, and our own,
-- `deadlines` and `missing`.
local KEYS_OF_A_FEED = { 'config', 'ids', 'items', 'publishes', 'idincr', 'published', 'claimed', 'cancelled', 'stalled',
  'finishes', 'running', 'retried', 'deadlines', 'missing' }

-- The command that looks at a key. It raises the server's own error when the key holds a foreign type.
local looks = {
  config = 'HLEN', items = 'HLEN', cancelled = 'HLEN',
  published = 'ZCARD', claimed = 'ZCARD', deadlines = 'ZCARD', missing = 'ZCARD',
  stalled = 'SCARD',
}

local function look(feed, names)
  for _, name in ipairs(names) do redis.call(looks[name], key(name, feed)) end
end

-- An error when the counter is not a whole number: INCR would fail half-way.
local function look_at_counter(name, feed)
  local value = redis.call('GET', key(name, feed))
  if value and not (string.match(value, '^-?%d+$') and #value < 19) then
    return fail('WRONGTYPE', key(name, feed) .. ' holds no whole number')
  end
end

-- An error when the feed is of another type than the verb; otherwise nil and the type. A feed without a type passes:
-- the Python client writes the type in a second step.
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

-- Creates the feed if it is missing; `there` is the type that `check` found. Call it when all keys have been checked.
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
