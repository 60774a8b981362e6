-- Closed conversations. From the event `thread.closed` to `thread.opened`, in the order in which the partition's events are
-- published, a conversation takes no new comment, and no edit but by the app and moderators.
--
-- {NAME.p}:closed, a hash conversation -> the time (ms) since which it is closed. Written by the commit that publishes the
-- event. So an event that comes later is judged by it, however it came: also one that was held, or a dead letter.
-- The field `closed` of the configuration of the feed {thread:CONVERSATION} is `1` meanwhile, for readers who come when
-- the event has fallen off the history. Other channels may have events of other conversations.

local CHANNEL = 'thread:'

-- Calls `each` with the index and the time of those that are closed among the conversations `first` to `last` of a list.
local function find_closed(key, names, first, last, each)
  for start = first, last, CHUNK do
    local times = redis.call('HMGET', key, unpack(names, start, math.min(start + CHUNK - 1, last)))
    for offset, time in ipairs(times) do
      if time then each(start + offset - 1, time) end
    end
  end
end

-- Looks which of the conversations of a publication are closed: sets the `conversation` of its entries, and `closed`,
-- conversation -> time. While none is, and none is being closed, that costs one command.
local function look_at_closed(op)
  op.closed, op.conversations = {}, {}
  local count = redis.call('HLEN', op.closed_key)
  if count == 0 and not op.closes then return end
  local names = {}
  for _, entry in ipairs(op.entries) do
    local name = entry.closing and entry.comment or entry.post ~= '' and split_comment(entry.comment)
    if name then
      entry.conversation = name
      if not op.conversations[name] then
        op.conversations[name] = true
        names[#names + 1] = name
      end
    end
  end
  op.is_any_closed = count > 0
  if op.closes then
    demand('HSET', op.closed_key, '', '')
    demand('HDEL', op.closed_key, '')
  end
  if count > 0 then
    find_closed(op.closed_key, names, 1, #names, function(index, time) op.closed[names[index]] = time end)
  end
end

-- Whether a closed conversation takes an event. Whoever owns a comment may delete it: that is judged elsewhere.
local function is_taken_closed(entry)
  return entry.kind == 'deleted' or entry.kind == 'edited' and may_change(entry.sender, APP)
end

-- Checks the rights to write down what a publication closes and opens.
local function demand_closed(op)
  if not op.closed then return end
  for _, channel in ipairs(op.channels) do
    local target = channel.target
    if target.is_log and (target.closed or op.closes) then demand('HDEL', target.config_key, 'closed') end
  end
end

-- Brings the field `closed` of a channel's feed up to date, where there is a feed and its conversation's state is known.
local function mark_feed(op, channel)
  local target = channel.target
  if string.sub(channel.name, 1, #CHANNEL) ~= CHANNEL or channel.failure or not target.is_log then return end
  local name = string.sub(channel.name, #CHANNEL + 1)
  local is_known = op.conversations[name] or not op.is_any_closed and not op.closes
  if not is_known or not (target.has_feed or target.last) or target.config.err then return end
  local closed = op.closed_after[name] and '1' or nil
  if closed == target.closed then return end
  if closed then
    redis.call('HSET', target.config_key, 'closed', closed)
  else
    redis.call('HDEL', target.config_key, 'closed')
  end
  target.closed = closed
end

-- Writes down what a publication has closed and opened, after its events were appended.
local function write_closed(op, now_ms)
  for name, time in pairs(op.closed_after) do
    if time == true then
      redis.call('HSET', op.closed_key, name, whole(now_ms))
    elseif not time and op.closed[name] then
      redis.call('HDEL', op.closed_key, name)
    end
  end
  for _, channel in ipairs(op.channels) do mark_feed(op, channel) end
end
