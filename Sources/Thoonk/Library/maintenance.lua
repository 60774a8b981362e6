-- Maintenance of job feeds: lost jobs and expired claims.

-- The work of one call: how many list elements all searches together may pass, and how many searches there may be.
local SEARCHED, SEARCHES = 2000000, 1000

-- A page of a sorted set from a score on. It holds all ids of each score in it, so that the next page can begin at a
-- score. Returns the ids and the next cursor, nil after the last page.
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

-- Whether a job is accounted for without the list: finished, claimed or stalled.
local function is_elsewhere(feed, id)
  return redis.call('HEXISTS', key('items', feed), id) == 0
    or redis.call('ZSCORE', key('claimed', feed), id)
    or redis.call('SISMEMBER', key('stalled', feed), id) == 1
end

-- The ids at both ends of the list, as a set, and the score up to which a published job may have been lost. That score
-- is the median of those at the end from which jobs are taken: a few jobs put first or put back do not move it. A short
-- list is read as a whole; then every job is a candidate.
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

-- Gives a deadline to claims of clients that set none, if the feed's configuration asks for it. It counts from now,
-- since clocks of other hosts do not matter.
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
-- One step of the search for lost jobs: jobs whose client crashed between taking the id and claiming the job. Such a
-- job has an item, is published, and is in no list. `missing` holds since when; a job that was missing for GRACE ms is
-- put back. GRACE is needed since a job that is just being taken looks the same for a moment.
--
-- The work of a call is bounded: call it with an empty cursor first, then with each cursor that it returns until that
-- is empty. Lost jobs were taken from the end of the list, so only jobs no younger than those at that end are
-- candidates. Younger ones are searched for later.
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
  -- Jobs that were missing before: they have been found elsewhere, or have been missing for long enough.
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
          -- The next call goes on with the rest of the page, from this score on.
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
