-- Kinds of channels: how much of a channel's past is kept, by its kind, the text before the first `:` of its name.
--
-- A policy says, for a kind of channel:
--   kind  its name; `*`: all that have no policy of their own.
--   keep  how many events the channel's feed keeps; `none`: nothing, events are only announced; `state`: the newest event.
--   age   ms; a feed keeps no event for longer. 0: for any time.
--   life  ms, as text; without an event for that long, the channel disappears.
--
-- A channel whose kind is `none` or `state` has one string, STATE .. {CHANNEL}, which expires:
--   BORN LAST none SWEPT               nothing is kept; SWEPT as the field `swept` of a feed's configuration
--   BORN LAST at BIRTH NUMBER CHANNEL  the newest event is that number of another channel's feed, born at BIRTH
--   BORN LAST is EVENT                 the newest event itself, which stands in no feed
-- BORN and LAST are the birth (ms) and the last number, as those of a feed.
local STATE = 'feed.state:'

-- Facts about the channels that are gone, so that a position of a channel without a feed can be judged later:
--   time  ms; follows the clock and never falls. Such a position carries it, and no feed is born before it.
--   born  the latest birth among all feeds that were removed. `time` is always later.
--   life:KIND  ms; the shortest life that a state was ever given by the policy KIND. States expire, and nobody writes it
--         down.
-- A feed that lived and was removed since a position was given was born at the position's time or later. So a position
-- that is later than `born` has missed nothing, whatever the clock did and however long feeds are kept. The birth of a
-- state makes `time` later, and a state lives for its life at least: see `swept_before`.
local SWEPT = 'feed.swept'

-- Brings `time` up to the clock, and remembers the latest birth of feeds that are being removed, if there are any: then a
-- foreign key in its place is an error. Else it is none, and a user who may not write it leaves it as it is: a process
-- that may goes on with it.
local function pass_time(now_ms, removed)
  local known = redis.pcall('HMGET', SWEPT, 'time', 'born')
  if known.err then
    if removed then error(redis.error_reply(known.err)) end
    return
  end
  local time, born = tonumber(known[1] or '') or 0, tonumber(known[2] or '') or 0
  local latest = math.max(born, removed or 0)
  local now = math.max(time, math.floor(now_ms), latest > 0 and latest + 1 or 0)
  if now ~= time or latest ~= born then redis.pcall('HSET', SWEPT, 'time', whole(now), 'born', whole(latest)) end
end

local function kind_of(channel)
  return string.match(channel, '^([^:]*):') or '*'
end

-- Nil when `kept` is neither a number nor a word that is known.
local function policy_of(kind, kept, age, life)
  local count = tonumber(kept)
  if not count and kept ~= 'none' and kept ~= 'state' then return nil end
  return { kind = kind, keep = count or kept, is_log = count ~= nil, age = count and tonumber(age) or 0, life = life }
end

-- Whether a feed with this policy keeps an event for longer than it is kept at a place, if there is one.
local function outlives(policy, place)
  if not place then return true end
  local life, other = tonumber(policy.life), tonumber(place.policy.life)
  if life ~= other then return life > other end
  return policy.keep > place.policy.keep
end

-- Reads a state; nil when the text is none.
local function read_state(text)
  local born, last, word, rest = string.match(text, '^(%d+) (%d+) (%l+) ?(.*)$')
  if word ~= 'none' and word ~= 'at' and word ~= 'is' then return nil end
  return { born = born, last = tonumber(last), word = word, rest = rest }
end

-- The newest event of a state; nil when nothing is kept, or not any more.
local function event_of(state)
  if state.word == 'is' then return state.rest end
  local birth, number, channel = string.match(state.rest, '^(%d+) (%d+) (.*)$')
  if state.word ~= 'at' or not birth then return nil end
  local feed = '{' .. channel .. '}'
  if redis.call('HGET', 'feed.config:' .. feed, 'born') ~= birth then return nil end
  return redis.call('HGET', 'feed.items:' .. feed, number) or nil
end

-- The answer of `tidings_history` for a state. Lower numbers than that of the newest event are no loss. When it is kept
-- no more, all are gone.
local function state_history(state, epoch, after, limit, room, facts)
  local event, last = event_of(state), whole(state.last)
  local answer = { epoch, state.born, last, state.word == 'none' and '0' or '1', event and '1' or whole(state.last + 1) }
  -- What was missed before is made good by a state. Where nothing is kept, it is not.
  if facts == '1' or facts == '2' then answer[6], answer[7] = '0', state.word == 'none' and state.rest or '0' end
  if facts == '2' then answer[8] = '0' end
  if event and state.last > after and (room or limit > 0) then
    answer[#answer + 1] = last
    answer[#answer + 1] = event
  end
  return answer
end

-- What is known of the channels that are gone: numbers `time` and `born`, `lives` by kind, or `failure`. Channels have a
-- `policy`.
local function look_at_swept(channels)
  local fields, kinds = { 'time', 'born' }, {}
  for _, channel in ipairs(channels) do
    local policy = channel.policy
    if policy and not policy.is_log and not kinds[policy.kind] then
      fields[#fields + 1] = 'life:' .. policy.kind
      kinds[policy.kind] = #fields
    end
  end
  local known = redis.pcall('HMGET', SWEPT, unpack(fields))
  if known.err then return { failure = failure_of(known) } end
  local swept = { time = tonumber(known[1] or '') or 0, born = tonumber(known[2] or '') or 0, lives = {} }
  for kind, field in pairs(kinds) do swept.lives[kind] = tonumber(known[field] or '') end
  return swept
end

-- The latest time of a position that may have missed a channel of which nothing is there. A state that was born after the
-- position was given, and has expired, lived for its life at least; and `time` has passed since it was born.
local function latest_miss(time, born, life, now)
  if not life then return born end
  return math.max(born, math.min(math.max(now, time) - life, time - 1))
end

-- For a position of a channel of which nothing is there: the time that such a position carries now, and `latest_miss`.
local function swept_before(channel)
  local known = redis.call('HMGET', SWEPT, 'time', 'born', 'life:' .. kind_of(channel), 'life:*')
  local time, born = tonumber(known[1] or '') or 0, tonumber(known[2] or '') or 0
  local life = tonumber(known[3] or known[4] or '')
  if life and known[4] then life = math.min(life, tonumber(known[4]) or life) end
  return whole(time), whole(latest_miss(time, born, life, math.floor(now_us() / 1000)))
end

-- Announces events in a channel whose kind is `none` or `state`, and writes its state. `place` is where the last event can
-- be read; nil: nowhere. `note_states` has to follow.
local function put_state(target, policy, events, place, clock, heard)
  local swept = target.swept
  local now = math.max(math.floor(clock), swept.time)
  local born = target.born or target.is_new and whole(now) or '1'
  local last = target.before + #events
  local state, rest = target.state, 'none '
  if policy.keep == 'none' then
    rest = rest .. (target.is_new and whole(latest_miss(swept.time, swept.born, swept.lives[policy.kind], now))
      or state and state.word == 'none' and state.rest or born)
  elseif place then
    rest = 'at ' .. place.born .. ' ' .. whole(place.number) .. ' ' .. place.channel
  else
    rest = 'is ' .. events[#events]
  end
  local life = math.min(tonumber(place and policy.keep == 'state' and place.policy.life or policy.life), LONGEST)
  local text = born .. ' ' .. whole(last) .. ' ' .. rest
  if life > 0 then
    -- By the time that positions carry: no clock makes this life shorter than a position expects.
    redis.call('SET', target.state_key, text, 'PXAT', whole(math.max(now, tonumber(born)) + life))
    if life < (swept.lives[policy.kind] or LONGEST) then
      swept.lives[policy.kind] = life
      swept.changed = swept.changed or {}
      swept.changed[policy.kind] = life
    end
  else
    redis.call('SET', target.state_key, text)
  end
  if target.is_new then swept.births = math.max(swept.births or 0, now) end
  if target.has_feed then
    -- The feed that the channel had before: its numbers and its birth go on.
    redis.call('SREM', 'feeds', target.feed)
    redis.call('UNLINK', target.ids_key, target.items_key, target.publishes_key, target.config_key)
    hear(heard, 'delfeed', target.feed, 'tidings')
  end
  for index, event in ipairs(events) do hear(heard, target.publish, whole(target.before + index), event) end
  target.before, target.born, target.is_new, target.has_feed = last, born, false, false
  return nil
end

-- Writes down what has to be known of the states of a call when they are gone.
local function note_states(swept)
  local fields = {}
  if swept.births then
    swept.time = swept.births > swept.time and swept.births or swept.time + 1
    fields[1], fields[2] = 'time', whole(swept.time)
  end
  for kind, life in pairs(swept.changed or {}) do
    fields[#fields + 1], fields[#fields + 2] = 'life:' .. kind, whole(life)
  end
  -- Who writes a state was asked for the right. Who gives birth to a feed while the clock is behind need not have it.
  if #fields > 0 then redis.pcall('HSET', SWEPT, unpack(fields)) end
  swept.births, swept.changed = nil, nil
end
