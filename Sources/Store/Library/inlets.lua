-- Inlets (`doors` in keys and configuration): items of Thoonk queues, job feeds and feeds become events.

-- Scores of a feed below this are seconds, as the Python client writes them; above, milliseconds.
local SECONDS_END = 100000000000

-- How far the clocks of a feed's writers may differ, in ms: an item that appears that much behind is still found.
local LATE_MS = 60000

-- Each takes up to `draw.count` items out of its inlet, and returns their events, oldest first, and how many it saw.
local drawers = {}

-- A queue: items are removed there.
function drawers.queue(draw)
  local ids_key, items_key = 'feed.ids:' .. draw.feed, 'feed.items:' .. draw.feed
  redis.call('LLEN', ids_key)
  redis.call('HLEN', items_key)
  local ids = redis.call('RPOP', ids_key, draw.count) or {}
  if #ids == 0 then return {}, 0 end
  local events = {}
  for index, item in ipairs(redis.call('HMGET', items_key, unpack(ids))) do
    -- An id without an item: another client died between two steps.
    if item then events[#events + 1] = item end
    ids[index] = tostring(ids[index])
  end
  redis.call('HDEL', items_key, unpack(ids))
  return events, #ids
end

-- A job feed: an item is taken and claimed in one step, and its job ends with its event. A job whose event is already on
-- its way, and that was put back into the list, is claimed again but gives no second event. A job whose item is no JSON
-- object is stalled at once.
function drawers.job(draw)
  local feed = draw.feed
  redis.call('LLEN', 'feed.ids:' .. feed)
  redis.call('HLEN', 'feed.items:' .. feed)
  redis.call('ZCARD', 'feed.claimed:' .. feed)
  redis.call('SCARD', 'feed.stalled:' .. feed)
  redis.call('ZCARD', 'feed.published:' .. feed)
  redis.call('HLEN', 'feed.cancelled:' .. feed)
  redis.call('HLEN', draw.name .. ':jobs')
  local ids = redis.call('RPOP', 'feed.ids:' .. feed, draw.count) or {}
  local events, us = {}, now_us()
  for index, id in ipairs(ids) do
    local item = redis.call('HGET', 'feed.items:' .. feed, id)
    local field = feed .. '\0' .. id
    if item then
      redis.call('ZADD', 'feed.claimed:' .. feed, whole(us / 1000), id)
      if redis.call('HEXISTS', draw.name .. ':jobs', field) == 0 then
        local ticket = whole(us + index)
        redis.call('HSET', draw.name .. ':jobs', field, ticket)
        local rest = string.match(item, '^%s*{%s*(.+)$')
        local good, object = pcall(cjson.decode, item)
        if rest and good and type(object) == 'table' then
          local comma = string.sub(rest, 1, 1) == '}' and '' or ','
          events[#events + 1] = '{"_job":' .. cjson.encode({ feed, id, ticket }) .. comma .. rest
        else
          settle(draw.name, { feed, id, ticket }, 'stalled')
        end
      end
    end
  end
  return events, #ids
end

-- The ids of a feed beyond a position, in one of the two scales: first those that have appeared behind the position
-- since, then those ahead of it. `taken` holds the ids, with their scores, that were returned lately: comparing their
-- number with that in the feed shows cheaply whether a new one is behind. An edited item has a new score and comes again.
local function draw_scale(draw, scale, low, high, late)
  local ids_key, state = 'feed.ids:' .. draw.feed, draw.name .. ':door:' .. draw.feed
  local taken = state .. ':' .. scale
  redis.call('ZCARD', taken)
  local found = {}
  local position = redis.call('HGET', state, scale)
  if not position and draw.from == 'now' then
    position = redis.call('ZREVRANGEBYSCORE', ids_key, high, low, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if position then
      local known = redis.call('ZRANGEBYSCORE', ids_key, math.max(0, tonumber(position) - late), high, 'WITHSCORES')
      for index = 1, #known, 2 do redis.call('ZADD', taken, known[index + 1], known[index]) end
    end
  end
  if position then
    local from = string.format('%.17g', math.max(0, tonumber(position) - late))
    redis.call('ZREMRANGEBYSCORE', taken, '-inf', '(' .. from)
    if redis.call('ZCOUNT', ids_key, from, position) ~= redis.call('ZCARD', taken) then
      local there = redis.call('ZRANGEBYSCORE', ids_key, from, position, 'WITHSCORES')
      local kept = {}
      for index = 1, #there, 2 do
        if redis.call('ZSCORE', taken, there[index]) == there[index + 1] then
          kept[#kept + 1], kept[#kept + 2] = there[index + 1], there[index]
        elseif #found < draw.room then
          found[#found + 1] = there[index]
          kept[#kept + 1], kept[#kept + 2] = there[index + 1], there[index]
        end
      end
      redis.call('DEL', taken)
      call_in_chunks('ZADD', taken, kept, 1, #kept)
    end
  end
  local ahead = {}
  if #found < draw.room then
    ahead = redis.call('ZRANGEBYSCORE', ids_key, position and '(' .. position or low, high, 'WITHSCORES', 'LIMIT', 0,
      draw.room - #found)
  end
  for index = 1, #ahead, 2 do
    found[#found + 1] = ahead[index]
    redis.call('ZADD', taken, ahead[index + 1], ahead[index])
  end
  redis.call('HSET', state, scale, ahead[#ahead] or position or low)
  draw.room = draw.room - #found
  return found
end

-- An edited item is an event of its own, though its comment keeps its id. An item with an `id` and without an `event_id`
-- gets one, made of the feed, the item's id and its score.
local function named(item, feed, id)
  if not string.find(item, '"id"', 1, true) then return item end
  local rest = string.match(item, '^%s*{%s*(.+)$')
  local good, object = pcall(cjson.decode, item)
  if not rest or not good or type(object) ~= 'table' or object.id == nil or object.event_id ~= nil then return item end
  local score = redis.call('ZSCORE', 'feed.ids:' .. feed, id) or ''
  return '{"event_id":"' .. redis.sha1hex(feed .. '\0' .. id .. '\0' .. score) .. '",' .. rest
end

-- A feed: items are read and stay; the position is kept in a hash of the pipeline.
function drawers.feed(draw)
  redis.call('HLEN', draw.name .. ':door:' .. draw.feed)
  redis.call('ZCARD', 'feed.ids:' .. draw.feed)
  redis.call('HLEN', 'feed.items:' .. draw.feed)
  draw.room = draw.count
  local ids = draw_scale(draw, 'seconds', '0', '(' .. whole(SECONDS_END), LATE_MS / 1000)
  for _, id in ipairs(draw_scale(draw, 'ms', whole(SECONDS_END), '+inf', LATE_MS)) do ids[#ids + 1] = id end
  if #ids == 0 then return {}, 0 end
  local events = {}
  for index, item in ipairs(redis.call('HMGET', 'feed.items:' .. draw.feed, unpack(ids))) do
    if item then events[#events + 1] = named(item, draw.feed, ids[index]) end
  end
  return events, #ids
end

-- tidings_draw 2 LANE DOOR TOKEN KIND FEED COUNT LIMIT FROM [SHAPE]
-- ->  {'OK', items seen}, {'FENCED'} or {'FULL', length}
-- Moves items of a Thoonk queue, job feed or feed (KIND) to NAME:incoming (the key DOOR), in one step, for the worker
-- that owns its lane; nothing while LIMIT events wait there. FROM: 'now' or 'start', for a feed that was never read. Not
-- flagged allow-oom: nothing is taken in when memory is full.
local function draw(keys, args)
  if redis.call('HGET', keys[1], 'token') ~= args[1] then return { 'FENCED' } end
  local refusal = refuse_shape(keys[1], args[7])
  if refusal then return refusal end
  local waiting = redis.call('LLEN', keys[2])
  if waiting >= tonumber(args[5]) then return { 'FULL', waiting } end
  local name = name_of(keys[1])
  redis.call('HLEN', name .. ':doors')
  local order = { name = name, feed = args[3], count = math.min(tonumber(args[4]), CHUNK), from = args[6] }
  local events, seen = drawers[args[2]](order)
  if #events > 0 then
    call_in_chunks('RPUSH', keys[2], events, 1, #events)
  end
  if seen > 0 or redis.call('HEXISTS', name .. ':doors', args[2] .. ' ' .. args[3]) == 0 then
    tally(name .. ':doors', args[2] .. ' ' .. args[3], #events)
  end
  return { 'OK', seen }
end
register('tidings_draw', draw)
