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

register('thoonk_job_maintenance', job_maintenance, 'allow-oom')
