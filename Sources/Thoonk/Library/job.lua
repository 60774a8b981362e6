-- Job feeds.

-- A claim's token is the score of its id in `claimed`: ms with three decimals, which are never 000. The Python client
-- writes whole ms, so the token also shows when that client has claimed the job again. `deadlines` maps TOKEN NUL ID to
-- the ms at which the claim expires; an entry whose token is not the claim's is ignored.

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

local function forget_claim(feed, id, score)
  redis.call('ZREM', key('claimed', feed), id)
  redis.call('ZREM', key('deadlines', feed), deadline_entry(id, score))
end

-- Counts a claim that ended without finishing the job. A counter that is not a number starts again at 1.
local function tally_cancel(feed, id)
  local sum = redis.pcall('HINCRBY', key('cancelled', feed), id, 1)
  if type(sum) == 'table' then redis.call('HSET', key('cancelled', feed), id, 1) end
end

-- Ends a claim and puts the job back behind the others.
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

-- Ends up to `limit` expired claims and returns how many it has ended.
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

-- thoonk_job_put 0 F INSTANCE PRIORITY (id item)…  ->  how many were put. As thoonk_queue_put; an id is skipped until
-- its job is finished.
local function job_put(_, args)
  local now = now_us() / 1000
  return put(args, 'job', look_at_jobs, function(feed, id, number)
    redis.call('ZADD', key('published', feed), fine(now + number * 0.001), id)
  end)
end

-- thoonk_job_get 0 F COUNT TIMEOUT  ->  {wait, id, token, cancelled, item, id, …}
-- Takes jobs and claims them for TIMEOUT ms; an empty TIMEOUT stands for the feed's `claim_timeout`, or else 300,000.
-- Expired claims are taken back first. `wait` is the ms until the next claim expires, -1 when none does: then a job
-- becomes available although nobody puts one. An id that is claimed or has no item is skipped.
local function job_get(_, args)
  local feed, wanted = args[1], tonumber(args[2])
  local bad = look_at_jobs(feed)
  if bad then return bad end
  local timeout = tonumber(args[3]) or tonumber(redis.call('HGET', key('config', feed), 'claim_timeout') or '')
    or CLAIM_TIMEOUT
  local us = now_us()
  local now = us / 1000
  take_back(feed, now, OVERDUE)
  local answer, skipped = { 0 }, 0
  while wanted > 0 and skipped < CHUNK do
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
      skipped = skipped + 1
    end
  end
  local next = redis.call('ZRANGE', key('deadlines', feed), 0, 0, 'WITHSCORES')[2]
  local wait = next and math.max(0, math.ceil(tonumber(next) - now)) or -1
  -- The limit of skipped ids was reached: the next call has to go on.
  if skipped >= CHUNK then wait = 0 end
  answer[1] = whole(wait)
  return answer
end

-- thoonk_job_retry 0 F id…  ->  {'OK' or 'NOT_STALLED', …}. A job that is not stalled is left alone.
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

-- thoonk_job_retract 0 F id…  ->  how many were removed. Removes jobs in any state; claims on them are lost.
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

-- thoonk_job_state 0 F id  ->  {state, cancelled, ms until the claim expires or -1, item}
-- The state is waiting, claimed, stalled, missing (the job has an item and is in no list) or absent.
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

register('thoonk_job_put', job_put)
register('thoonk_job_get', job_get, 'allow-oom')
register('thoonk_job_retry', job_retry, 'allow-oom')
register('thoonk_job_retract', job_retract, 'allow-oom')
register('thoonk_job_counts', job_counts, 'no-writes')
register('thoonk_job_state', job_state, 'no-writes')
