#!lua name=thoonk

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

-- Raised with every change of this file; clients replace an older library by theirs.
local VERSION = 2

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

-- Keys ----------------------------------------------------------------------------------------------------------------

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

-- Feeds of every type -------------------------------------------------------------------------------------------------

local TYPES = { feed = true, sorted_feed = true, queue = true, job = true }

-- thoonk_create 0 F TYPE INSTANCE (field value)…  ->  1 new, 0 was there: then its configuration stays as it is. One
-- without a type, which another client is just making, gets it.
local function create(_, args)
  local feed, kind, instance = args[1], args[2], args[3]
  if not TYPES[kind] then return fail('BADARG', "'" .. kind .. "' is no type of feed") end
  if #args > 3 then
    local bad = pairs_of(args, 4, 2)
    if bad then return bad end
  end
  redis.call('SCARD', 'feeds')
  local bad, there = check(feed, kind)
  if bad then return bad end
  local is_new = redis.call('SADD', 'feeds', feed)
  if is_new == 1 or not there then
    redis.call('HSET', key('config', feed), 'type', kind)
    for index = 4, #args, 2 do
      if args[index] ~= 'type' then redis.call('HSET', key('config', feed), args[index], args[index + 1]) end
    end
    if is_new == 1 then
      -- What a client that does not know these keys has left behind when it deleted the feed.
      redis.call('UNLINK', key('deadlines', feed), key('missing', feed))
      announce_feed('newfeed', feed, instance)
    end
    announce_feed('conffeed', feed, instance)
  end
  return is_new
end

-- thoonk_configure 0 F INSTANCE (field value)…  ->  1. The type cannot be changed.
local function configure(_, args)
  local feed = args[1]
  local bad = pairs_of(args, 3, 2)
  if bad then return bad end
  local there = redis.call('HGET', key('config', feed), 'type')
  if redis.call('SISMEMBER', 'feeds', feed) == 0 then
    return fail('NOFEED', "there is no feed '" .. feed .. "'; create it first")
  end
  for index = 3, #args, 2 do
    if args[index] == 'type' and there and there ~= args[index + 1] then
      return fail('FEEDTYPE', "the feed '" .. feed .. "' is of the type " .. there .. '; a type cannot be changed')
    end
  end
  for index = 3, #args, 2 do redis.call('HSET', key('config', feed), args[index], args[index + 1]) end
  announce_feed('conffeed', feed, args[2])
  return 1
end

-- thoonk_delete 0 F INSTANCE  ->  1, or 0 when there was none. No key is left, also none that other clients leave.
local function delete(_, args)
  local feed = args[1]
  local was_there = redis.call('SREM', 'feeds', feed)
  for _, name in ipairs(KEYS_OF_A_FEED) do redis.call('UNLINK', key(name, feed)) end
  if was_there == 1 then announce_feed('delfeed', feed, args[2]) end
  return was_there
end

-- thoonk_feeds 0 CURSOR COUNT  ->  {next cursor, name, type, name, type, …}. As SSCAN: all have been seen when the
-- cursor is 0 again; a name may come twice.
local function feeds(_, args)
  local page = redis.call('SSCAN', 'feeds', args[1], 'COUNT', args[2])
  local answer = { page[1] }
  for _, feed in ipairs(page[2]) do
    local kind = redis.pcall('HGET', key('config', feed), 'type')
    answer[#answer + 1] = feed
    answer[#answer + 1] = type(kind) == 'string' and kind or ''
  end
  return answer
end

-- Feed ----------------------------------------------------------------------------------------------------------------

local function in_ms(score)
  local number = tonumber(score)
  return number < SECONDS_END and number * 1000 or number
end

-- The `count` oldest ids of a feed, oldest first. Scores in seconds and in ms may stand side by side.
local function oldest(feed, count)
  local ids = key('ids', feed)
  if count <= 0 then return {} end
  if redis.call('ZCOUNT', ids, '-inf', '(' .. whole(SECONDS_END)) == 0 then
    return redis.call('ZRANGE', ids, 0, count - 1)
  end
  local seconds = redis.call('ZRANGEBYSCORE', ids, '-inf', '(' .. whole(SECONDS_END), 'WITHSCORES', 'LIMIT', 0, count)
  local millis = redis.call('ZRANGEBYSCORE', ids, whole(SECONDS_END), '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  local merged, left, right = {}, 1, 1
  while #merged < count and (seconds[left] or millis[right]) do
    if seconds[left] and (not millis[right] or in_ms(seconds[left + 1]) <= in_ms(millis[right + 1])) then
      merged[#merged + 1] = seconds[left]
      left = left + 2
    else
      merged[#merged + 1] = millis[right]
      right = right + 2
    end
  end
  return merged
end

-- thoonk_publish 0 F INSTANCE OWN (id item)…  ->  {id, 1 new or 0 edited, id, …}
-- OWN is 1 when the caller has chosen the ids. The feed of a pipeline's channel (`born` in its configuration) has dense
-- sequence numbers for ids: there they are given here, and OWN is refused.
local function publish(_, args)
  local feed, instance, own = args[1], args[2], args[3] == '1'
  local bad = pairs_of(args, 4, 2)
  if bad then return bad end
  local wrong, there = check(feed, 'feed')
  if wrong then return wrong end
  look(feed, { 'items' })
  redis.call('ZCARD', key('ids', feed))
  redis.call('SCARD', 'feeds')
  local no_number = look_at_counter('publishes', feed)
  if no_number then return no_number end
  local config = redis.call('HMGET', key('config', feed), 'max_length', 'born')
  local limit, is_sequenced = tonumber(config[1] or 0) or 0, config[2]
  if is_sequenced and own then
    return fail('SEQUENCED', "the ids of '" .. feed .. "' are a pipeline's sequence numbers; publish without an id")
  end
  ensure(feed, 'feed', instance, there)
  local clock = now_us() / 1000
  if is_sequenced then
    -- Later than the last one, whatever the clock says: who follows such a feed by score must not miss an event.
    local newest = redis.call('ZRANGE', key('ids', feed), -1, -1, 'WITHSCORES')[2]
    if newest then clock = math.max(clock, tonumber(newest) + 0.001) end
  end
  local answer = {}
  for index = 4, #args, 2 do
    local id, item = args[index], args[index + 1]
    local sequence = redis.call('INCR', key('publishes', feed))
    if is_sequenced then id = whole(sequence) end
    if limit > 0 then
      for _, old in ipairs(oldest(feed, redis.call('ZCARD', key('ids', feed)) - limit + 1)) do
        if old ~= id then
          redis.call('ZREM', key('ids', feed), old)
          redis.call('HDEL', key('items', feed), old)
          announce('feed.retract', feed, old)
        end
      end
    end
    local is_new = redis.call('ZADD', key('ids', feed), fine(clock), id)
    redis.call('HSET', key('items', feed), id, item)
    announce(is_new == 1 and 'feed.publish' or 'feed.edit', feed, id, item)
    answer[#answer + 1] = id
    answer[#answer + 1] = is_new
    -- By two, since a score of whole milliseconds is raised by one: no two are to be the same.
    clock = clock + 0.002
  end
  return answer
end

-- thoonk_retract 0 F id…  ->  how many were there
local function retract(_, args)
  local feed = args[1]
  local wrong = check(feed, 'feed')
  if wrong then return wrong end
  look(feed, { 'items' })
  redis.call('ZCARD', key('ids', feed))
  local count = 0
  for index = 2, #args do
    if redis.call('ZREM', key('ids', feed), args[index]) == 1 then
      redis.call('HDEL', key('items', feed), args[index])
      announce('feed.retract', feed, args[index])
      count = count + 1
    end
  end
  return count
end

-- Ids with their items, flat: {id, item, …}. An id without an item is passed over.
local function with_items(feed, ids)
  local answer = {}
  for from = 1, #ids, CHUNK do
    local to = math.min(from + CHUNK - 1, #ids)
    local items = redis.call('HMGET', key('items', feed), unpack(ids, from, to))
    for index = from, to do
      local item = items[index - from + 1]
      if item then
        answer[#answer + 1] = ids[index]
        answer[#answer + 1] = item
      end
    end
  end
  return answer
end

-- thoonk_ids 0 F  ->  {id, …}, oldest first
local function ids_of_feed(_, args)
  return check(args[1], 'feed') or oldest(args[1], redis.call('ZCARD', key('ids', args[1])))
end

-- thoonk_all 0 F  ->  {id, item, …}, oldest first
local function all_of_feed(_, args)
  return check(args[1], 'feed')
    or with_items(args[1], oldest(args[1], redis.call('ZCARD', key('ids', args[1]))))
end

-- Sorted feed ---------------------------------------------------------------------------------------------------------

-- Where an item is to stand: 'first', 'last', 'before' or 'after' OTHER. As the contract announces it:
local function position(where, other)
  if where == 'first' then return 'begin:' end
  if where == 'last' then return ':end' end
  return where == 'before' and ':' .. other or other .. ':'
end

local PLACES = { first = true, last = true, before = true, after = true }

-- An error when there is no such place.
local function check_place(feed, where, other)
  if not PLACES[where] then return fail('BADARG', "'" .. where .. "' is no place: first, last, before or after") end
  if where == 'before' or where == 'after' then
    if redis.call('HEXISTS', key('items', feed), other) == 0 or not redis.call('LPOS', key('ids', feed), other) then
      return fail('NOITEM', "there is no item '" .. other .. "' in '" .. feed .. "' to stand beside")
    end
  end
end

local function place(feed, id, where, other)
  if where == 'first' then
    redis.call('LPUSH', key('ids', feed), id)
  elseif where == 'last' then
    redis.call('RPUSH', key('ids', feed), id)
  else
    redis.call('LINSERT', key('ids', feed), where, other, id)
  end
end

local function look_at_sorted(feed)
  local wrong, there = check(feed, 'sorted_feed')
  if wrong then return wrong end
  look(feed, { 'items' })
  redis.call('LLEN', key('ids', feed))
  return look_at_counter('publishes', feed) or look_at_counter('idincr', feed), there
end

-- thoonk_sorted_put 0 F INSTANCE WHERE OTHER item…  ->  {id, …}. Several stand in the order given. A neighbour that is
-- not there is an error, and takes no id.
local function sorted_put(_, args)
  local feed, instance, where, other = args[1], args[2], args[3], args[4]
  local bad, there = look_at_sorted(feed)
  if bad then return bad end
  redis.call('SCARD', 'feeds')
  bad = check_place(feed, where, other)
  if bad then return bad end
  ensure(feed, 'sorted_feed', instance, there)
  local answer = {}
  for index = 5, #args do
    local id = whole(redis.call('INCR', key('idincr', feed)))
    -- The first one stands where it was asked for, each further one behind the one before it.
    if index > 5 and where ~= 'last' then where, other = 'after', answer[#answer] end
    place(feed, id, where, other)
    redis.call('HSET', key('items', feed), id, args[index])
    redis.call('INCR', key('publishes', feed))
    announce('feed.publish', feed, id, args[index])
    announce('feed.position', feed, id, position(where, other))
    answer[#answer + 1] = id
  end
  return answer
end

-- thoonk_sorted_edit 0 F id item  ->  1. The item stays where it is.
local function sorted_edit(_, args)
  local feed, id, item = args[1], args[2], args[3]
  local bad = look_at_sorted(feed)
  if bad then return bad end
  if redis.call('HEXISTS', key('items', feed), id) == 0 then
    return fail('NOITEM', "there is no item '" .. id .. "' in '" .. feed .. "'")
  end
  redis.call('HSET', key('items', feed), id, item)
  redis.call('INCR', key('publishes', feed))
  announce('feed.publish', feed, id, item)
  return 1
end

-- thoonk_sorted_move 0 F id WHERE OTHER  ->  1
local function sorted_move(_, args)
  local feed, id, where, other = args[1], args[2], args[3], args[4]
  local bad = look_at_sorted(feed)
  if bad then return bad end
  if redis.call('HEXISTS', key('items', feed), id) == 0 then
    return fail('NOITEM', "there is no item '" .. id .. "' in '" .. feed .. "'")
  end
  bad = check_place(feed, where, other)
  if bad then return bad end
  if other == id and (where == 'before' or where == 'after') then
    return fail('BADARG', "the item '" .. id .. "' cannot stand beside itself")
  end
  redis.call('LREM', key('ids', feed), 0, id)
  place(feed, id, where, other)
  announce('feed.position', feed, id, position(where, other))
  return 1
end

-- thoonk_sorted_retract 0 F id…  ->  how many were there
local function sorted_retract(_, args)
  local feed = args[1]
  local bad = look_at_sorted(feed)
  if bad then return bad end
  local count = 0
  for index = 2, #args do
    if redis.call('HDEL', key('items', feed), args[index]) == 1 then
      redis.call('LREM', key('ids', feed), 0, args[index])
      announce('feed.retract', feed, args[index])
      count = count + 1
    end
  end
  return count
end

-- thoonk_sorted_all 0 F  ->  {id, item, …} in the order of the feed
local function sorted_all(_, args)
  return check(args[1], 'sorted_feed') or with_items(args[1], redis.call('LRANGE', key('ids', args[1]), 0, -1))
end

-- What waits to be got ------------------------------------------------------------------------------------------------

-- Puts (id item)… from the fourth argument on into a feed of that kind: F INSTANCE PRIORITY (id item)…. PRIORITY is 1:
-- before all that wait, the first of them first. An id that has an item already is passed over: the same put again, after
-- a lost reply, doubles nothing. `more` is called for each that is put, with its number from 0 on.
local function put(args, kind, look_at, more)
  local feed = args[1]
  local bad = pairs_of(args, 4, 2)
  if bad then return bad end
  local there
  bad, there = look_at(feed)
  if bad then return bad end
  redis.call('SCARD', 'feeds')
  ensure(feed, kind, args[2], there)
  local first, last, step, push = 4, #args - 1, 2, 'LPUSH'
  if args[3] == '1' then first, last, step, push = #args - 1, 4, -2, 'RPUSH' end
  local count = 0
  for index = first, last, step do
    local id = args[index]
    if redis.call('HSETNX', key('items', feed), id, args[index + 1]) == 1 then
      redis.call(push, key('ids', feed), id)
      if more then more(feed, id, count) end
      redis.call('INCR', key('publishes', feed))
      count = count + 1
    end
  end
  return count
end

-- Queue ---------------------------------------------------------------------------------------------------------------

local function look_at_queue(feed)
  local wrong, there = check(feed, 'queue')
  if wrong then return wrong end
  look(feed, { 'items' })
  redis.call('LLEN', key('ids', feed))
  return look_at_counter('publishes', feed), there
end

-- thoonk_queue_put 0 F INSTANCE PRIORITY (id item)…  ->  how many were put. An id is passed over for as long as it waits.
local function queue_put(_, args)
  return put(args, 'queue', look_at_queue)
end

-- thoonk_queue_get 0 F COUNT  ->  {id, item, …}: what is given is gone here. An id without an item is passed over.
local function queue_get(_, args)
  local feed, wanted = args[1], tonumber(args[2])
  local bad = look_at_queue(feed)
  if bad then return bad end
  local answer = {}
  while #answer < 2 * wanted do
    local ids = redis.call('RPOP', key('ids', feed), math.min(CHUNK, wanted - #answer / 2))
    if not ids or #ids == 0 then break end
    local items = redis.call('HMGET', key('items', feed), unpack(ids))
    redis.call('HDEL', key('items', feed), unpack(ids))
    for index, id in ipairs(ids) do
      if items[index] then
        answer[#answer + 1] = id
        answer[#answer + 1] = items[index]
      end
    end
  end
  return answer
end

-- thoonk_queue_return 0 F (id item)…  ->  how many. Puts back at the head, in their order, what a get has given and
-- nobody wants. It is not counted as published. An id that waits already is passed over.
local function queue_return(_, args)
  local feed = args[1]
  local bad = pairs_of(args, 2, 2) or look_at_queue(feed)
  if bad then return bad end
  local count = 0
  for index = #args - 1, 2, -2 do
    if redis.call('HSETNX', key('items', feed), args[index], args[index + 1]) == 1 then
      redis.call('RPUSH', key('ids', feed), args[index])
      count = count + 1
    end
  end
  return count
end

-- Job -----------------------------------------------------------------------------------------------------------------

-- A claim's token is the score of its id in `claimed`: ms with three decimals, which are never 000. The Python client
-- writes whole ms: so a token also tells when that client has claimed the job anew. `deadlines` holds TOKEN NUL ID -> the
-- ms at which the claim ends; an entry whose token is no longer the claim's means nothing.

local JOB_KEYS = { 'items', 'cancelled', 'published', 'claimed', 'deadlines', 'missing', 'stalled' }

local function look_at_jobs(feed)
  local wrong, there = check(feed, 'job')
  if wrong then return wrong end
  look(feed, JOB_KEYS)
  redis.call('LLEN', key('ids', feed))
  return look_at_counter('publishes', feed) or look_at_counter('finishes', feed), there
end

local function deadline_entry(id, score)
  return fine(tonumber(score)) .. '\0' .. id
end

-- Counts that a claim has ended without an end of the job. A field that is no number begins anew.
local function tally_cancel(feed, id)
  local sum = redis.pcall('HINCRBY', key('cancelled', feed), id, 1)
  if type(sum) == 'table' then redis.call('HSET', key('cancelled', feed), id, 1) end
end

-- The claim is over and the job waits again, behind the others.
local function put_back(feed, id)
  redis.call('ZREM', key('claimed', feed), id)
  if redis.call('HEXISTS', key('items', feed), id) == 1 then
    tally_cancel(feed, id)
    redis.call('LPUSH', key('ids', feed), id)
  else
    redis.call('HDEL', key('cancelled', feed), id)
    redis.call('ZREM', key('published', feed), id)
  end
end

-- Ends up to `limit` claims whose time is over; gives how many.
local function take_back(feed, now, limit)
  local count = 0
  local due = redis.call('ZRANGEBYSCORE', key('deadlines', feed), '-inf', whole(now), 'LIMIT', 0, limit)
  for _, entry in ipairs(due) do
    redis.call('ZREM', key('deadlines', feed), entry)
    local token, id = string.match(entry, '^([%d.]+)%z(.*)$')
    local score = id and redis.call('ZSCORE', key('claimed', feed), id)
    if score and tonumber(score) == tonumber(token) then
      put_back(feed, id)
      count = count + 1
    end
  end
  return count
end

-- thoonk_job_put 0 F INSTANCE PRIORITY (id item)…  ->  how many were put. As thoonk_queue_put; an id is passed over for
-- as long as its job is not finished.
local function job_put(_, args)
  local now = now_us() / 1000
  return put(args, 'job', look_at_jobs, function(feed, id, number)
    redis.call('ZADD', key('published', feed), fine(now + number * 0.001), id)
  end)
end

-- thoonk_job_get 0 F COUNT TIMEOUT  ->  {wait, id, token, cancelled, item, id, …}
-- Takes jobs and claims them for TIMEOUT ms; an empty TIMEOUT: for the feed's `claim_timeout`, or else 300,000. Claims
-- whose time is over are put back before. `wait` is the ms until the next claim ends, -1 when none does: then a job
-- appears without anybody's doing. An id that is claimed already, or has no item, is passed over.
local function job_get(_, args)
  local feed, wanted = args[1], tonumber(args[2])
  local bad = look_at_jobs(feed)
  if bad then return bad end
  local timeout = tonumber(args[3]) or tonumber(redis.call('HGET', key('config', feed), 'claim_timeout') or '')
    or CLAIM_TIMEOUT
  local us = now_us()
  local now = us / 1000
  take_back(feed, now, OVERDUE)
  local answer, passed = { 0 }, 0
  while wanted > 0 and passed < CHUNK do
    local id = redis.call('RPOP', key('ids', feed))
    if not id then break end
    local item = redis.call('HGET', key('items', feed), id)
    if item and not redis.call('ZSCORE', key('claimed', feed), id) then
      us = us + 1
      if us % 1000 == 0 then us = us + 1 end
      local token = fine(us / 1000)
      redis.call('ZADD', key('claimed', feed), token, id)
      redis.call('ZADD', key('deadlines', feed), whole(now + timeout), deadline_entry(id, token))
      redis.call('ZREM', key('missing', feed), id)
      answer[#answer + 1] = id
      answer[#answer + 1] = token
      answer[#answer + 1] = redis.call('HGET', key('cancelled', feed), id) or '0'
      answer[#answer + 1] = item
      wanted = wanted - 1
    else
      passed = passed + 1
    end
  end
  local next = redis.call('ZRANGE', key('deadlines', feed), 0, 0, 'WITHSCORES')[2]
  local wait = next and math.max(0, math.ceil(tonumber(next) - now)) or -1
  -- So many were passed over that the next call has to look on.
  if passed >= CHUNK then wait = 0 end
  answer[1] = whole(wait)
  return answer
end

-- What is said about a claim: nothing when it holds, or NOT_CLAIMED, or LOST. An empty token is whoever has it.
local function claim_fault(feed, id, token)
  local score = redis.call('ZSCORE', key('claimed', feed), id)
  if not score then return 'NOT_CLAIMED' end
  if token ~= '' and tonumber(score) ~= tonumber(token) then return 'LOST' end
  return nil, score
end

local function forget_claim(feed, id, score)
  redis.call('ZREM', key('claimed', feed), id)
  redis.call('ZREM', key('deadlines', feed), deadline_entry(id, score))
end

-- Does something with each claim that holds: the arguments from `first` on in groups of `width`, id and token first.
-- Gives {'OK', 'LOST', 'NOT_CLAIMED', …}.
local function each_claim(args, first, width, action)
  local feed = args[1]
  local bad = pairs_of(args, first, width) or look_at_jobs(feed)
  if bad then return bad end
  local answer = {}
  for index = first, #args, width do
    local fault, score = claim_fault(feed, args[index], args[index + 1])
    if not fault then action(feed, args[index], score, args[index + 2], args[index + 3]) end
    answer[#answer + 1] = fault or 'OK'
  end
  return answer
end

-- thoonk_job_finish 0 F (id token HAS result)…  ->  {outcome, …}. HAS is 1 when there is a result, which is announced.
local function job_finish(_, args)
  return each_claim(args, 2, 4, function(feed, id, score, has, result)
    forget_claim(feed, id, score)
    redis.call('HDEL', key('cancelled', feed), id)
    redis.call('ZREM', key('published', feed), id)
    redis.call('INCR', key('finishes', feed))
    redis.call('HDEL', key('items', feed), id)
    if has == '1' then announce('job.finish', feed, id, result) end
  end)
end

-- thoonk_job_cancel 0 F (id token)…  ->  {outcome, …}. The job waits again, behind the others, and the cancel is counted.
local function job_cancel(_, args)
  return each_claim(args, 2, 2, function(feed, id, score)
    forget_claim(feed, id, score)
    put_back(feed, id)
  end)
end

-- thoonk_job_return 0 F (id token)…  ->  {outcome, …}. Puts back at the head, in their order, jobs that were claimed and
-- that nobody has begun: no cancel is counted.
local function job_return(_, args)
  local turned = { args[1] }
  for index = #args - 1, 2, -2 do
    turned[#turned + 1] = args[index]
    turned[#turned + 1] = args[index + 1]
  end
  return each_claim(turned, 2, 2, function(feed, id, score)
    forget_claim(feed, id, score)
    if redis.call('HEXISTS', key('items', feed), id) == 1 then redis.call('RPUSH', key('ids', feed), id) end
  end)
end

-- thoonk_job_stall 0 F (id token)…  ->  {outcome, …}. The job rests until it is retried.
local function job_stall(_, args)
  return each_claim(args, 2, 2, function(feed, id, score)
    forget_claim(feed, id, score)
    redis.call('HDEL', key('cancelled', feed), id)
    redis.call('ZREM', key('published', feed), id)
    redis.call('SADD', key('stalled', feed), id)
  end)
end

-- thoonk_job_extend 0 F MS (id token)…  ->  {outcome, …}. The claim ends MS from now.
local function job_extend(_, args)
  local till = now_us() / 1000 + tonumber(args[2])
  return each_claim(args, 3, 2, function(feed, id, score)
    redis.call('ZADD', key('deadlines', feed), whole(till), deadline_entry(id, score))
  end)
end

-- thoonk_job_retry 0 F id…  ->  {'OK' or 'NOT_STALLED', …}. A job that is not stalled waits or runs already.
local function job_retry(_, args)
  local feed = args[1]
  local bad = look_at_jobs(feed)
  if bad then return bad end
  local answer = {}
  for index = 2, #args do
    local id = args[index]
    local is_stalled = redis.call('SREM', key('stalled', feed), id) == 1
    if is_stalled and redis.call('HEXISTS', key('items', feed), id) == 1 then
      redis.call('LPUSH', key('ids', feed), id)
      redis.call('ZADD', key('published', feed), fine(now_us() / 1000), id)
      answer[#answer + 1] = 'OK'
    else
      answer[#answer + 1] = 'NOT_STALLED'
    end
  end
  return answer
end

-- thoonk_job_retract 0 F id…  ->  how many were there. The job is gone, wherever it was; a claim on it is lost.
local function job_retract(_, args)
  local feed = args[1]
  local bad = look_at_jobs(feed)
  if bad then return bad end
  local count = 0
  for index = 2, #args do
    local id = args[index]
    local score = redis.call('ZSCORE', key('claimed', feed), id)
    if score then forget_claim(feed, id, score) end
    redis.call('LREM', key('ids', feed), 0, id)
    redis.call('HDEL', key('cancelled', feed), id)
    redis.call('ZREM', key('published', feed), id)
    redis.call('ZREM', key('missing', feed), id)
    redis.call('SREM', key('stalled', feed), id)
    count = count + redis.call('HDEL', key('items', feed), id)
  end
  return count
end

-- thoonk_job_counts 0 F  ->  {waiting, claimed, stalled, missing, items, publishes, finishes}
local function job_counts(_, args)
  local feed = args[1]
  local wrong = check(feed, 'job')
  if wrong then return wrong end
  return { redis.call('LLEN', key('ids', feed)), redis.call('ZCARD', key('claimed', feed)),
    redis.call('SCARD', key('stalled', feed)), redis.call('ZCARD', key('missing', feed)),
    redis.call('HLEN', key('items', feed)), tonumber(redis.call('GET', key('publishes', feed)) or 0) or 0,
    tonumber(redis.call('GET', key('finishes', feed)) or 0) or 0 }
end

-- thoonk_job_state 0 F id  ->  {state, cancelled, ms until the claim ends or -1, item}
-- The state is waiting, claimed, stalled, missing (it has an item and is in no list) or absent.
local function job_state(_, args)
  local feed, id = args[1], args[2]
  local wrong = check(feed, 'job')
  if wrong then return wrong end
  local item = redis.call('HGET', key('items', feed), id)
  if not item then return { 'absent', '0', '-1', '' } end
  local state, left = 'missing', -1
  local score = redis.call('ZSCORE', key('claimed', feed), id)
  if score then
    state = 'claimed'
    local till = redis.call('ZSCORE', key('deadlines', feed), deadline_entry(id, score))
    if till then left = math.max(0, tonumber(till) - now_us() / 1000) end
  elseif redis.call('SISMEMBER', key('stalled', feed), id) == 1 then
    state = 'stalled'
  elseif redis.call('LPOS', key('ids', feed), id) then
    state = 'waiting'
  end
  return { state, redis.call('HGET', key('cancelled', feed), id) or '0', whole(left), item }
end

-- Maintenance ---------------------------------------------------------------------------------------------------------

-- How many elements of a list all the searches of one call may pass by, and how many searches at most.
local SEARCHED, SEARCHES = 2000000, 1000

-- A page of a sorted set beyond a score, whole scores only: so the last score is where the next page begins. Gives ids
-- and the next cursor, nil when this was the last page.
local function page_by_score(zset, from, to)
  local found = redis.call('ZRANGEBYSCORE', zset, from, to, 'WITHSCORES', 'LIMIT', 0, CHUNK)
  if #found < 2 * CHUNK then
    local ids = {}
    for index = 1, #found, 2 do ids[#ids + 1] = found[index] end
    return ids
  end
  local last = found[#found]
  local ids = {}
  for index = 1, #found, 2 do
    if found[index + 1] ~= last then ids[#ids + 1] = found[index] end
  end
  if #ids == 0 then return redis.call('ZRANGEBYSCORE', zset, last, last), '(' .. last end
  return ids, '(' .. found[2 * #ids]
end

-- Where a job that is neither claimed nor stalled must be if all is well: in the list.
local function is_elsewhere(feed, id)
  return redis.call('HEXISTS', key('items', feed), id) == 0
    or redis.call('ZSCORE', key('claimed', feed), id)
    or redis.call('SISMEMBER', key('stalled', feed), id) == 1
end

-- The ids at both ends of the list, as a set, and the score up to which a published job is a candidate for having been
-- lost: the middle one of those at the end from which jobs are taken, where a few that were put first or put back do not
-- matter. A short list is known whole: then every job is a candidate.
local function ends_of_list(feed)
  local ids_key = key('ids', feed)
  local tail = redis.call('LRANGE', ids_key, -CHUNK, -1)
  local set = {}
  for _, id in ipairs(tail) do set[id] = true end
  if #tail < CHUNK then return set, '+inf' end
  for _, id in ipairs(redis.call('LRANGE', ids_key, 0, CHUNK - 1)) do set[id] = true end
  local scores = {}
  for _, score in ipairs(redis.call('ZMSCORE', key('published', feed), unpack(tail))) do
    if score then scores[#scores + 1] = in_ms(score) end
  end
  table.sort(scores)
  return set, #scores > 0 and fine(scores[math.ceil(#scores / 2)]) or '+inf'
end

-- Gives claims that another client made a deadline, when the feed asks for it: from now on, since no clock of another
-- host matters.
local function give_deadlines(feed, now, from)
  local timeout = tonumber(redis.call('HGET', key('config', feed), 'claim_timeout') or '')
  if not timeout then return end
  local ids, next = page_by_score(key('claimed', feed), from, '+inf')
  for _, id in ipairs(ids) do
    local score = redis.call('ZSCORE', key('claimed', feed), id)
    redis.call('ZADD', key('deadlines', feed), 'NX', whole(now + timeout), deadline_entry(id, score))
  end
  return next
end

-- thoonk_job_maintenance 0 F GRACE CURSOR  ->  {next cursor, put back, taken back, still missing}
-- One step of looking for jobs that a client has lost: it died between taking the id and claiming the job. Such a job
-- has an item, is published, and is in no list. It is put back when it has been found so over GRACE ms; `missing` holds
-- since when. A job that is just being taken looks the same for a moment, which is what GRACE is for.
--
-- Work is bounded: call with an empty cursor first, and again with the one that it gave until that is empty. What was
-- lost was taken from the list's end, so only jobs that are no younger than those at that end are candidates: the others
-- are looked at when their time has come.
local function job_maintenance(_, args)
  local feed, grace, phase, from = args[1], tonumber(args[2]), string.match(args[3], '^(%a*) ?(.*)$')
  local bad = look_at_jobs(feed)
  if bad then return bad end
  if phase == '' then phase, from = 'claims', '-inf' end
  local now = now_us() / 1000
  local back, taken = 0, take_back(feed, now, CHUNK)
  local ids_key = key('ids', feed)
  local ends, limit = ends_of_list(feed)
  local length = redis.call('LLEN', ids_key)
  local searches = math.min(SEARCHES, math.max(1, math.floor(SEARCHED / math.max(1, length))))
  local searched = 0
  local function is_listed(id)
    if ends[id] then return true end
    if length < CHUNK then return false end
    searched = searched + 1
    return redis.call('LPOS', ids_key, id) and true or false
  end
  -- What was missing before: found elsewhere meanwhile, or missing for long enough.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('missing', feed), '-inf', whole(now - grace), 'LIMIT', 0,
    searches)) do
    redis.call('ZREM', key('missing', feed), id)
    if not is_elsewhere(feed, id) and not is_listed(id) then
      redis.call('LPUSH', ids_key, id)
      back = back + 1
    end
  end
  local cursor = ''
  if phase == 'claims' then
    local next = give_deadlines(feed, now, from)
    cursor = next and 'claims ' .. next or 'jobs -inf'
  else
    local ids, next = page_by_score(key('published', feed), from, limit)
    cursor = next and 'jobs ' .. next or ''
    for _, id in ipairs(ids) do
      if not is_elsewhere(feed, id) then
        if searched >= searches then
          -- The rest of the page is for the next call, from this one's score on.
          cursor = 'jobs ' .. redis.call('ZSCORE', key('published', feed), id)
          break
        end
        if is_listed(id) then
          redis.call('ZREM', key('missing', feed), id)
        else
          redis.call('ZADD', key('missing', feed), 'NX', whole(now), id)
        end
      else
        redis.call('ZREM', key('missing', feed), id)
      end
    end
  end
  return { cursor, back, taken, redis.call('ZCARD', key('missing', feed)) }
end

local function version()
  return VERSION
end

local function register(name, callback, ...)
  redis.register_function({ function_name = name, callback = callback, flags = { ... } })
end

register('thoonk_version', version, 'no-writes')
register('thoonk_create', create)
register('thoonk_configure', configure)
register('thoonk_delete', delete, 'allow-oom')
register('thoonk_feeds', feeds, 'no-writes')
register('thoonk_publish', publish)
register('thoonk_retract', retract, 'allow-oom')
register('thoonk_ids', ids_of_feed, 'no-writes')
register('thoonk_all', all_of_feed, 'no-writes')
register('thoonk_sorted_put', sorted_put)
register('thoonk_sorted_edit', sorted_edit)
register('thoonk_sorted_move', sorted_move)
register('thoonk_sorted_retract', sorted_retract, 'allow-oom')
register('thoonk_sorted_all', sorted_all, 'no-writes')
register('thoonk_queue_put', queue_put)
register('thoonk_queue_get', queue_get, 'allow-oom')
register('thoonk_queue_return', queue_return, 'allow-oom')
register('thoonk_job_put', job_put)
register('thoonk_job_get', job_get, 'allow-oom')
register('thoonk_job_finish', job_finish, 'allow-oom')
register('thoonk_job_cancel', job_cancel, 'allow-oom')
register('thoonk_job_return', job_return, 'allow-oom')
register('thoonk_job_stall', job_stall, 'allow-oom')
register('thoonk_job_extend', job_extend, 'allow-oom')
register('thoonk_job_retry', job_retry, 'allow-oom')
register('thoonk_job_retract', job_retract, 'allow-oom')
register('thoonk_job_counts', job_counts, 'no-writes')
register('thoonk_job_state', job_state, 'no-writes')
register('thoonk_job_maintenance', job_maintenance, 'allow-oom')
