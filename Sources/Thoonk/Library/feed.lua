-- Feeds: items by the time of their publication.

local function in_ms(score)
  local number = tonumber(score)
  return number < SECONDS_END and number * 1000 or number
end

-- The `count` oldest ids of a feed, oldest first. A feed may mix scores in seconds and in ms.
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
-- OWN is 1 when the caller has chosen the ids. In the feed of a pipeline's channel (its configuration has `born`) ids
-- are dense sequence numbers: this function gives them out and refuses OWN.
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
  local config = redis.call('HMGET', key('config', feed), 'max_length', 'born', 'floor')
  local limit, is_sequenced, floor = tonumber(config[1] or 0) or 0, config[2], tonumber(config[3] or '')
  if is_sequenced and own then
    return fail('SEQUENCED', "the ids of '" .. feed .. "' are a pipeline's sequence numbers; publish without an id")
  end
  ensure(feed, 'feed', instance, there)
  local clock = now_us() / 1000
  if is_sequenced then
    -- Later than the newest item even if the clock has gone back: a reader that follows the feed by score must not miss
    -- it.
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
          -- Readers of the channel are told that what is at or below the floor is gone.
          local number = is_sequenced and floor and tonumber(old)
          if number and number > floor and number < sequence and old == whole(number) then
            floor = number
            redis.call('HSET', key('config', feed), 'floor', old)
          end
        end
      end
    end
    local is_new = redis.call('ZADD', key('ids', feed), fine(clock), id)
    redis.call('HSET', key('items', feed), id, item)
    announce(is_new == 1 and 'feed.publish' or 'feed.edit', feed, id, item)
    answer[#answer + 1] = id
    answer[#answer + 1] = is_new
    -- In steps of two, since `fine` raises a score of whole milliseconds by one and no two scores may be equal.
    clock = clock + 0.002
  end
  return answer
end

-- thoonk_retract 0 F id…  ->  how many were removed
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

-- Ids with their items, flat: {id, item, …}. Skips ids without an item.
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

register('thoonk_publish', publish)
register('thoonk_retract', retract, 'allow-oom')
register('thoonk_ids', ids_of_feed, 'no-writes')
register('thoonk_all', all_of_feed, 'no-writes')
