-- Feeds of every type.

local TYPES = { feed = true, sorted_feed = true, queue = true, job = true }

-- thoonk_create 0 F TYPE INSTANCE (field value)…  ->  1 created, 0 exists: its configuration is left as it is. A feed
-- that another client is creating, which has no type yet, gets this type and configuration.
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
      -- A client that does not know these keys leaves them behind when it deletes the feed.
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

-- thoonk_delete 0 F INSTANCE  ->  1, or 0 when the feed did not exist. No key is left, including keys that other
-- clients leave behind. The feed of a pipeline's channel (its configuration has `born`) is written down in `feed.swept`
-- as tidings_sweep does it, so that positions from before its birth are known to have missed it.
local function delete(_, args)
  local feed = args[1]
  local born = tonumber(redis.pcall('HGET', key('config', feed), 'born'))
  if born then
    local known = redis.call('HMGET', 'feed.swept', 'time', 'born')
    local latest = math.max(born, tonumber(known[2] or '') or 0)
    redis.call('HSET', 'feed.swept', 'time', whole(math.max(latest + 1, tonumber(known[1] or '') or 0)),
      'born', whole(latest))
  end
  local was_there = redis.call('SREM', 'feeds', feed)
  for _, name in ipairs(KEYS_OF_A_FEED) do redis.call('UNLINK', key(name, feed)) end
  if was_there == 1 then announce_feed('delfeed', feed, args[2]) end
  return was_there
end

-- thoonk_feeds 0 CURSOR COUNT [PATTERN]  ->  {next cursor, name, type, name, type, …}. As with SSCAN, the list is complete
-- when the cursor is 0 again, and a name may come twice. PATTERN: only names that match, as in MATCH.
local function feeds(_, args)
  local page = redis.call('SSCAN', 'feeds', args[1], 'COUNT', args[2], 'MATCH', args[3] or '*')
  local answer = { page[1] }
  for _, feed in ipairs(page[2]) do
    local kind = redis.pcall('HGET', key('config', feed), 'type')
    answer[#answer + 1] = feed
    answer[#answer + 1] = type(kind) == 'string' and kind or ''
  end
  return answer
end

register('thoonk_create', create)
register('thoonk_configure', configure)
register('thoonk_delete', delete, 'allow-oom')
register('thoonk_feeds', feeds, 'no-writes')
