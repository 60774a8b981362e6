-- What an operator sees.

local COUNTERS = { 'in', 'out', 'dropped', 'held', 'dead' }

local function gather(name)
  local places, partitions, stages = layout_of(name)
  if not places then return nil end
  local now_ms = now_us() / 1000
  local _, live = live_processes(name, 15000, now_ms)
  local lanes = {}
  for _, lane in ipairs(places) do
    local partition, stage = lane[1], lane[2]
    local queue = queue_key(name, partition, stage)
    local hash = redis.call('HGETALL', lane_key(name, partition, stage))
    local fields = {}
    for index = 1, #hash, 2 do fields[hash[index]] = hash[index + 1] end
    local entry = {
      live = fields.owner ~= nil and live[fields.owner] == true,
      partition = partition, stage = stage, queue = queue, waiting = redis.call('LLEN', queue),
      owner = fields.owner or '', token = fields.token or '0', deadline = tonumber(fields.deadline or 0),
      paused = fields.paused == '1', fields = fields,
    }
    for _, counter in ipairs(COUNTERS) do entry[counter] = tonumber(fields[counter] or 0) end
    -- The event at the head shows how long it has been on its way, once a stage has stamped it.
    if entry.waiting > 0 and stage ~= 'incoming' then
      local good, head = pcall(cjson.decode, redis.call('LINDEX', queue, 0))
      if good and type(head) == 'table' and type(head.received_at) == 'number' then
        entry.oldest = math.max(0, now_ms - head.received_at)
      end
    end
    lanes[#lanes + 1] = entry
  end
  return lanes, now_ms, partitions, stages
end

local function unknown(name)
  return redis.error_reply('ERR no pipeline is called ' .. name .. '; start one with tidings up')
end

-- tidings_stats 0 NAME  ->  JSON: everything that `tidings status` shows. dead and held are totals since the beginning;
-- dead_letters and held_events are what the lists hold now. `former`: lanes of former shapes that still have letters.
local function stats(_, args)
  local name = args[1]
  local lanes, now_ms, partitions, stages = gather(name)
  if not lanes then return unknown(name) end
  local out = {}
  for index, lane in ipairs(lanes) do
    local reasons
    for field, value in pairs(lane.fields) do
      if string.sub(field, 1, 8) == 'dropped:' then
        reasons = reasons or {}
        reasons[string.sub(field, 9)] = tonumber(value)
      end
    end
    out[index] = {
      partition = tonumber(lane.partition), stage = lane.stage, queue = lane.queue, waiting = lane.waiting,
      oldest_ms = lane.oldest and math.floor(lane.oldest), owner = lane.owner, token = lane.token,
      lease_ms = math.floor(lane.deadline - now_ms), paused = lane.paused,
      attempts = tonumber(lane.fields.attempts or 0), deaths = tonumber(lane.fields.deaths or 0),
      live = lane.live, ['in'] = lane['in'], out = lane.out, dropped = lane.dropped, held = lane.held, dead = lane.dead,
      emitted = tonumber(lane.fields.emitted or 0), reasons = reasons,
      dead_letters = letters_in(name, lane.partition, 'dead', lane.stage),
      held_events = letters_in(name, lane.partition, 'held', lane.stage),
      unpublished = tonumber(lane.fields.unpublished or 0),
      dead_forgotten = tonumber(lane.fields['dead:forgotten'] or 0),
      held_forgotten = tonumber(lane.fields['held:forgotten'] or 0),
    }
  end
  local processes = {}
  local procs = redis.call('ZRANGE', name .. ':procs', 0, -1, 'WITHSCORES')
  for position = 1, #procs, 2 do
    local id = procs[position]
    local hash = redis.call('HGETALL', name .. ':proc:' .. id)
    if #hash > 0 then
      local process = { id = id, beat = procs[position + 1] }
      for index = 1, #hash, 2 do process[hash[index]] = hash[index + 1] end
      processes[#processes + 1] = process
    end
  end
  local doors = {}
  local known = redis.call('HGETALL', name .. ':doors')
  for index = 1, #known, 2 do
    local kind, feed = string.match(known[index], '^(%a+) (.*)$')
    if kind then
      local waiting = 0
      if kind ~= 'feed' then waiting = redis.pcall('LLEN', 'feed.ids:' .. feed) end
      doors[#doors + 1] = {
        kind = kind, feed = feed, taken = tonumber(known[index + 1]), waiting = tonumber(waiting) or 0,
      }
    end
  end
  local former = {}
  for index, lane in ipairs(former_lanes(name, lanes_of(partitions, stages))) do
    former[index] = {
      partition = tonumber(lane[1]), stage = lane[2], dead_letters = letters_in(name, lane[1], 'dead', lane[2]),
      held_events = letters_in(name, lane[1], 'held', lane[2]),
    }
  end
  local answer = {
    former = #former > 0 and former or nil,
    doors = #doors > 0 and doors or nil, jobs = redis.call('HLEN', name .. ':jobs'),
    pipeline = name, partitions = partitions, stages = stages, lanes = out,
    processes = processes, time = math.floor(now_ms), feeds = redis.call('SCARD', 'feeds'),
  }
  for partition = 0, partitions - 1 do
    local closed = redis.pcall('HLEN', prefix(name, tostring(partition)) .. ':closed')
    if type(closed) == 'number' then answer.closed = (answer.closed or 0) + closed end
  end
  if #processes == 0 then answer.processes = nil end
  return cjson.encode(answer)
end

-- tidings_status 0 NAME  ->  lines of text, for redis-cli: a line a stage, summed over its partitions
local function status(_, args)
  local lanes, _, _, stages = gather(args[1])
  if not lanes then return unknown(args[1]) end
  local order, sums = { 'incoming' }, {}
  for _, stage in ipairs(stages) do order[#order + 1] = stage end
  for _, lane in ipairs(lanes) do
    local sum = sums[lane.stage] or { waiting = 0, lanes = 0, owned = 0, paused = 0, oldest = 0 }
    sums[lane.stage] = sum
    sum.waiting = sum.waiting + lane.waiting
    sum.lanes = sum.lanes + 1
    if lane.live then sum.owned = sum.owned + 1 end
    if lane.paused then sum.paused = sum.paused + 1 end
    sum.oldest = math.max(sum.oldest, lane.oldest or 0)
    for _, counter in ipairs(COUNTERS) do sum[counter] = (sum[counter] or 0) + lane[counter] end
  end
  local lines = { 'stage         waiting        in       out   dropped      held      dead    lanes  oldest' }
  for _, stage in ipairs(order) do
    local sum = sums[stage]
    lines[#lines + 1] = string.format('%-12s%9d%10d%10d%10d%10d%10d%9s%7dms%s', stage, sum.waiting, sum['in'], sum.out,
      sum.dropped, sum.held, sum.dead, sum.owned .. '/' .. sum.lanes, sum.oldest, sum.paused > 0 and '  paused' or '')
  end
  return lines
end

register('tidings_stats', stats, 'no-writes')
register('tidings_status', status, 'no-writes')
