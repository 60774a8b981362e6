-- Verbs that end or extend the claims of a job feed.

-- Why a verb on a claim is refused: NOT_CLAIMED or LOST; nil when the claim holds. An empty token means any claim.
local function claim_fault(feed, id, token)
  local score = redis.call('ZSCORE', key('claimed', feed), id)
  if not score then return 'NOT_CLAIMED' end
  if token ~= '' and tonumber(score) ~= tonumber(token) then return 'LOST' end
  return nil, score
end

-- Calls `action` for each claim that holds. The arguments from `first` on are groups of `width` that begin with id and
-- token. Returns {'OK', 'LOST', 'NOT_CLAIMED', …}.
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

-- thoonk_job_cancel 0 F (id token)…  ->  {outcome, …}. Puts the job back behind the others and counts the cancel.
local function job_cancel(_, args)
  return each_claim(args, 2, 2, function(feed, id, score)
    forget_claim(feed, id, score)
    put_back(feed, id)
  end)
end

-- thoonk_job_return 0 F (id token)…  ->  {outcome, …}. Puts claimed jobs that nobody has begun back at the head, in
-- their order. No cancel is counted.
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

-- thoonk_job_stall 0 F (id token)…  ->  {outcome, …}. Sets the job aside until it is retried.
local function job_stall(_, args)
  return each_claim(args, 2, 2, function(feed, id, score)
    forget_claim(feed, id, score)
    redis.call('HDEL', key('cancelled', feed), id)
    redis.call('ZREM', key('published', feed), id)
    redis.call('SADD', key('stalled', feed), id)
  end)
end

-- thoonk_job_extend 0 F MS (id token)…  ->  {outcome, …}. The claim expires MS from now.
local function job_extend(_, args)
  local till = now_us() / 1000 + tonumber(args[2])
  return each_claim(args, 3, 2, function(feed, id, score)
    redis.call('ZADD', key('deadlines', feed), whole(till), deadline_entry(id, score))
  end)
end

register('thoonk_job_finish', job_finish, 'allow-oom')
register('thoonk_job_cancel', job_cancel, 'allow-oom')
register('thoonk_job_return', job_return, 'allow-oom')
register('thoonk_job_stall', job_stall, 'allow-oom')
register('thoonk_job_extend', job_extend, 'allow-oom')
