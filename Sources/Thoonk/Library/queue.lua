-- Queues, and the put that they share with job feeds.

-- Puts items into a queue or job feed. The arguments are F INSTANCE PRIORITY (id item)…; with PRIORITY 1 they go to the
-- head of the list, in their order, instead of to its end. An id that has an item already is skipped, so that a put can
-- be repeated after a lost reply. `more` is called for each item that is put, with its number from 0 on.
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

local function look_at_queue(feed)
  local wrong, there = check(feed, 'queue')
  if wrong then return wrong end
  look(feed, { 'items' })
  redis.call('LLEN', key('ids', feed))
  return look_at_counter('publishes', feed), there
end

-- thoonk_queue_put 0 F INSTANCE PRIORITY (id item)…  ->  how many were put. An id that is waiting is skipped.
local function queue_put(_, args)
  return put(args, 'queue', look_at_queue)
end

-- thoonk_queue_get 0 F COUNT  ->  {id, item, …}. The items are removed. An id without an item is skipped.
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

-- thoonk_queue_return 0 F (id item)…  ->  how many were put back. Puts unwanted items of a get back at the head, in
-- their order. They are not counted as published. An id that is waiting is skipped.
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

register('thoonk_queue_put', queue_put)
register('thoonk_queue_get', queue_get, 'allow-oom')
register('thoonk_queue_return', queue_return, 'allow-oom')
