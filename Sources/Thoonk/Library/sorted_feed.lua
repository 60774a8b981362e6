-- Sorted feeds: items in an order that their users choose.

-- A position, 'first', 'last', 'before' or 'after' OTHER, in the form in which the contract announces it.
local function position(where, other)
  if where == 'first' then return 'begin:' end
  if where == 'last' then return ':end' end
  return where == 'before' and ':' .. other or other .. ':'
end

local PLACES = { first = true, last = true, before = true, after = true }

-- An error when there is no such position.
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

-- thoonk_sorted_put 0 F INSTANCE WHERE OTHER item…  ->  {id, …}. Several items keep their order. A missing neighbour is
-- an error that uses up no id.
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
    -- The first item goes to the position, each further one behind the one before it.
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

-- thoonk_sorted_edit 0 F id item  ->  1. The item keeps its position.
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

-- thoonk_sorted_retract 0 F id…  ->  how many were removed
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

register('thoonk_sorted_put', sorted_put)
register('thoonk_sorted_edit', sorted_edit)
register('thoonk_sorted_move', sorted_move)
register('thoonk_sorted_retract', sorted_retract, 'allow-oom')
register('thoonk_sorted_all', sorted_all, 'no-writes')
