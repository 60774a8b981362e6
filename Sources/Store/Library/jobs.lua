-- Jobs of Thoonk whose events are on their way.
--
-- An event that came from a Thoonk job feed begins with a member of ours, which no stage sees:
--   {"_job":["FEED","ID","TICKET"],…
-- NAME:jobs holds FEED NUL ID -> TICKET of those on their way. The job is finished by the commit that ends its event.

-- The job that an event or a letter came from, or nil.
local function job_of(text)
  if not string.find(text, '"_job":[', 1, true) then return nil end
  local good, object = pcall(cjson.decode, text)
  if not good or type(object) ~= 'table' then return nil end
  local job = object._job or type(object.event) == 'table' and object.event._job
  return type(job) == 'table' and #job == 3 and job or nil
end

-- Finishes or stalls a job, once. OUTCOME is 'stalled', for an operator to look at, or the job's result: 'published',
-- 'done', 'dropped: REASON'. A job that another worker has claimed meanwhile is left to it. A job that this pipeline
-- stalled, and whose event was retried, is finished all the same. Foreign keys are ignored: the commit goes on.
local function settle(name, job, outcome)
  local feed, id, ticket = tostring(job[1]), tostring(job[2]), tostring(job[3])
  local field = feed .. '\0' .. id
  local is_ours = redis.pcall('HGET', name .. ':jobs', field) == ticket
  if is_ours then
    redis.pcall('HDEL', name .. ':jobs', field)
    if type(redis.pcall('ZSCORE', 'feed.claimed:' .. feed, id)) ~= 'string' then return end
  elseif outcome == 'stalled' or redis.pcall('SISMEMBER', 'feed.stalled:' .. feed, id) ~= 1 then
    return
  end
  redis.pcall('ZREM', 'feed.claimed:' .. feed, id)
  redis.pcall('HDEL', 'feed.cancelled:' .. feed, id)
  redis.pcall('ZREM', 'feed.published:' .. feed, id)
  if outcome == 'stalled' then
    redis.pcall('SADD', 'feed.stalled:' .. feed, id)
  else
    redis.pcall('SREM', 'feed.stalled:' .. feed, id)
    redis.pcall('HDEL', 'feed.items:' .. feed, id)
    redis.pcall('INCR', 'feed.finishes:' .. feed)
    announce({ 'job.finish:' .. feed, id .. '\0' .. outcome })
  end
end
