-- Enqueue: how events get into the first queues.

-- The first of the conversations that a call of `tidings_enqueue` names, from `position` on, that is closed; nil when none is.
local function first_closed(keys, args, position)
  local found
  for index = 1, #keys, 2 do
    local count = tonumber(args[position] or '') or 0
    if count > 0 and not found then
      find_closed(closed_key(keys[index + 1]), args, position + 1, position + count, function(place)
        found = found or args[place]
      end)
    end
    position = position + 1 + count
  end
  return found
end

-- tidings_enqueue 2n QUEUE LANE… LIMIT (k event…)… [SHAPE [(m conversation…)…]]
-- ->  {'OK'}, {'FULL', queue, length} or {'CLOSED', conversation}
-- Puts events into one or more queues, all or nothing. A process names its SHAPE (CONTRACT/PARTITIONS/STAGES): when Redis
-- holds another one, nothing is taken (error RESHAPED). Behind it stand, for each queue, conversations of its partition that
-- must not be closed. Not flagged allow-oom: nothing is taken in when memory is full. FIRST: where LIMIT stands.
local function enqueue(keys, args, first)
  first = first or 1
  local limit = tonumber(args[first])
  local last = first
  for _ = 1, #keys, 2 do last = last + 1 + tonumber(args[last + 1]) end
  local refusal = refuse_shape(keys[1], args[last + 1])
  if refusal then return refusal end
  local closed = args[last + 2] and first_closed(keys, args, last + 2)
  if closed then return { 'CLOSED', closed } end
  for index = 1, #keys, 2 do
    local length = redis.call('LLEN', keys[index])
    if limit > 0 and length >= limit then return { 'FULL', keys[index], length } end
    redis.call('HLEN', keys[index + 1])
  end
  local position = first + 1
  for index = 1, #keys, 2 do
    local count = tonumber(args[position])
    call_in_chunks('RPUSH', keys[index], args, position + 1, position + count)
    tally(keys[index + 1], 'in', count)
    position = position + count + 1
  end
  return { 'OK' }
end

-- The runs of calls that follow each other: how many calls of each were taken; and their names, oldest first. They live as
-- long as this instance of the library (epoch.lua). A run that is not known any more is refused, and its caller begins
-- another one: so it is enough to know the last ones.
local taken, runs = {}, {}
local RUNS = 256

-- tidings_enqueue_next 2n QUEUE LANE… RUN NUMBER LIMIT (k event…)… [SHAPE [(m conversation…)…]]
-- ->  as tidings_enqueue, or {'SKIPPED'}
-- The same for a caller that has several calls under way and needs them to be taken in their order: call NUMBER of RUN, from
-- 0, is taken only when the call before it was the last of the run that was. So when one is refused, for whatever reason,
-- those behind it are as well. RUN: a name that nobody else uses.
local function enqueue_next(keys, args)
  local run, number = args[1], tonumber(args[2])
  if (taken[run] or 0) ~= number then return { 'SKIPPED' } end
  local answer = enqueue(keys, args, 3)
  if answer[1] ~= 'OK' then return answer end
  if number == 0 then
    runs[#runs + 1] = run
    if #runs > RUNS then taken[table.remove(runs, 1)] = nil end
  end
  taken[run] = number + 1
  return answer
end

register('tidings_enqueue', enqueue)
register('tidings_enqueue_next', enqueue_next)
