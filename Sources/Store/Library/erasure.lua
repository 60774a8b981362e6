-- Erasure: finds what is a person's, and removes it. The order of the calls: Commands/Erasure/ErasureRun.swift.
--
-- A comment is a person's when its `author.id`, as text, is the person's id; when the person has sent it, with a token
-- whose `sub` is that id; or when its record says that the person owns it. Each call looks at a part that is limited in
-- number and bytes, and says where the next one begins. PERSON below stands for two arguments: the id, and the owner as
-- records hold it, `u:ID`, or nothing when no `sub` can be that id.

-- A call reads no further element when it has read so many bytes.
local MOST_BYTES = 262144

-- A record of an erased comment lives at least that long, in ms: older events of the comment may be on their way.
local LEAST_LIFE = 86400000

-- How long the channels that an erased comment reaches keep their records is written in their feeds; 0: for ever.
local function longest_life(known, ttl)
  local life = tonumber(ttl or '') or 0
  return math.max(known, life > 0 and life or LONGEST)
end

local function person_of(id, owner)
  return { id = id, owner = owner, sender = owner ~= '' and 'u:' .. id, moderator = owner ~= '' and 'm:' .. id,
    is_plain = string.match(id, '^[%w%-_%.:]+$') ~= nil }
end

-- Whether a text can contain the person's id: most need not be parsed. Letters and digits may be written as escapes.
local function may_name(person, text)
  return not person.is_plain or string.find(text, person.id, 1, true) ~= nil
    or string.find(text, '\\u003[%dAa]') ~= nil or string.find(text, '\\u002[DdEe]') ~= nil
    or string.find(text, '\\u00[4-7]%x') ~= nil
end

-- Whether a value of `id` is the person's: a string, or a whole number. Lua rounds large ones: their digits are compared.
local function is_id(person, value, text)
  if type(value) ~= 'number' then return value == person.id end
  if value % 1 ~= 0 then return false end
  if math.abs(value) < 2 ^ 53 then return whole(value) == person.id end
  for digits in string.gmatch(text, '"id"%s*:%s*(%-?%d+)') do
    if digits == person.id then return true end
  end
  return false
end

local function is_author(person, event, text)
  return type(event.author) == 'table' and is_id(person, event.author.id, text)
end

-- Whether an event, parsed from `text`, is about a comment of the person's and may carry something of it. A deletion
-- carries nothing, and has to reach its end. An edit that names nobody is the owner's: `records` begins the keys of its
-- partition's records, or is nil.
local function is_theirs(person, event, text, records)
  if type(event) ~= 'table' or event.type == 'comment.deleted' then return false end
  if is_author(person, event, text) then return true end
  if not person.sender then return false end
  local is_creation = event.type == nil or event.type == 'comment.created'
  if event._by == person.sender or is_creation and event._by == person.moderator then return true end
  if not records or is_creation then return false end
  local thread, id = as_text(event.thread), as_text(event.id)
  if type(thread) ~= 'string' or type(id) ~= 'string' then return false end
  local record = read_record(redis.pcall('GET', records .. post_of(thread .. '\0' .. id)))
  return record ~= nil and record.owner == person.owner
end

-- Whether an event was received before `start` (ms), as far as it says.
local function is_old(event, start)
  return type(event.received_at) == 'number' and event.received_at < start
end

local function decoded(text)
  local good, object = pcall(cjson.decode, text)
  return good and type(object) == 'table' and object or nil
end

-- A judge says of an element of a list that it is THEIRS, with the event; or UNCLEAR, when nobody can tell.
local THEIRS, UNCLEAR = 1, 2

local judges = {}

-- An event in a queue.
function judges.queue(person, text, records)
  local is_edit = records and person.sender and string.find(text, '"comment.edited"', 1, true)
  if not is_edit and not may_name(person, text) then return nil end
  local event = decoded(text)
  if is_theirs(person, event, text, records) then return THEIRS, event end
end

-- A letter: its event is an object, or a text. A text that is no object, and contains the id, may be the person's.
function judges.letters(person, text, records)
  local is_edit = records and person.sender and string.find(text, 'comment.edited', 1, true)
  if not is_edit and not may_name(person, text) then return nil end
  local letter = decoded(text)
  if not letter then return UNCLEAR end
  local event = letter.event
  if type(event) == 'string' then
    text, event = event, decoded(event)
    if not event then return (letter.hex or string.find(text, person.id, 1, true)) and UNCLEAR or nil end
  end
  if type(event) ~= 'table' then return nil end
  -- Nobody waits for a deletion here: what it would delete goes as well.
  if is_theirs(person, event, text, records) or is_author(person, event, text) then return THEIRS, event end
end

-- The records of the partition that a key belongs to; nil for that of none.
local function records_of(key)
  local partition = string.match(key, '^({.-}):')
  return partition and partition .. ':post:'
end

-- Looks at elements of a list from its end: `seen` of them were looked at. Events leave a queue at its head and arrive at
-- its end, so none moves past this. Gives where the next call begins, -1 at the head of the list, how many were looked at,
-- those that are the person's ({ index, text, event }), and how many nobody can tell.
local function look_back(list, kind, person, seen, most)
  local low = math.max(0, redis.call('LLEN', list) - seen)
  local records, found, unclear, looked, bytes = records_of(list), {}, 0, 0, 0
  while low > 0 and looked < most and bytes < MOST_BYTES do
    local first = math.max(0, low - math.min(FEW, most - looked))
    local part = redis.call('LRANGE', list, first, low - 1)
    for offset = #part, 1, -1 do
      local text = part[offset]
      bytes = bytes + #text
      local verdict, event = judges[kind](person, text, records)
      if verdict == THEIRS then found[#found + 1] = { index = first + offset - 1, text = text, event = event } end
      if verdict == UNCLEAR then unclear = unclear + 1 end
    end
    looked = looked + #part
    low = first
  end
  return low > 0 and seen + looked or -1, looked, found, unclear
end

local function count_old(found, start)
  local count = 0
  for _, element in ipairs(found) do
    if is_old(element.event, start) then count = count + 1 end
  end
  return count
end

-- Removes elements from a list by their places.
local function take_out(list, found)
  -- No element of a list is that: an event is JSON.
  local mark = '\0erased'
  local length = redis.call('LLEN', list)
  for _, element in ipairs(found) do redis.call('LSET', list, element.index, mark) end
  -- From the end that is nearer.
  redis.call('LREM', list, found[#found].index >= length / 2 and -#found or #found, mark)
end

-- tidings_find_in_list 1 LIST KIND PERSON SEEN MOST  ->  {next SEEN or -1, looked at, unclear, element…}
-- What is the person's among at most MOST elements of a list. KIND: `queue` or `letters`.
local function find_in_list(keys, args)
  local person = person_of(args[2], args[3])
  local next, looked, found, unclear = look_back(keys[1], args[1], person, tonumber(args[4]), tonumber(args[5]))
  local answer = { next, looked, unclear }
  for index, element in ipairs(found) do answer[3 + index] = element.text end
  return answer
end

-- tidings_erase_queue 2 QUEUE LANE PERSON SEEN MOST START
-- ->  {next SEEN or -1, looked at, unclear, removed, of these received before START}
-- Drops what is the person's among at most MOST events of a queue, counted as `dropped:erased`. A worker that has some of
-- these in hand finds the queue moved: see `stale` in commit.lua.
local function erase_queue(keys, args)
  local queue, lane = keys[1], keys[2]
  redis.call('HLEN', lane)
  local person = person_of(args[1], args[2])
  local next, looked, found = look_back(queue, 'queue', person, tonumber(args[3]), tonumber(args[4]))
  if #found > 0 then
    demand('LSET', queue, '0', '')
    demand('LREM', queue, '0', '')
    demand('HSET', lane, 'stale', '1')
    demand('HINCRBY', lane, 'dropped', '1')
    redis.call('HSET', lane, 'stale', '1')
    if found[#found].index == 0 then redis.call('HSET', lane, 'attempts', '0', 'deaths', '0', 'tried', '') end
    take_out(queue, found)
    if is_incoming(queue) then tally(lane, 'in', #found) end
    tally(lane, 'dropped', #found)
    tally(lane, 'dropped:erased', #found)
    for _, element in ipairs(found) do
      local job = job_of(element.text)
      if job then settle(name_of(lane), job, 'dropped: erased') end
    end
    if next >= 0 then next = next - #found end
  end
  return { next, looked, 0, #found, count_old(found, tonumber(args[5])) }
end

-- tidings_erase_letters 1 LIST PERSON SEEN MOST START
-- ->  {next SEEN or -1, looked at, unclear, removed, of these received before START}
-- Deletes what is the person's among at most MOST letters of a list.
local function erase_letters(keys, args)
  local list = keys[1]
  local person = person_of(args[1], args[2])
  local next, looked, found, unclear = look_back(list, 'letters', person, tonumber(args[3]), tonumber(args[4]))
  if #found > 0 then
    demand('LSET', list, '0', '')
    demand('LREM', list, '0', '')
    if holds_of(list) then demand('HDEL', holds_of(list), '') end
    take_out(list, found)
    for _, element in ipairs(found) do
      forget_hold(list, element.text)
      local job = job_of(element.text)
      if job then settle(name_of(list), job, 'dropped: erased') end
    end
    if next >= 0 then next = next - #found end
    leave_list(list)
  end
  return { next, looked, unclear, #found, count_old(found, tonumber(args[5])) }
end

-- tidings_find_in_feeds 0 PERSON MOST (FEED CURSOR)…  ->  {looked at, {FEED, next CURSOR, number, item, …}…}
-- What is the person's among the items of these feeds, about MOST of them: the feeds in the answer were looked at, those
-- behind them were not. A cursor is that of HSCAN; `0` begins, and ends. A key of another type has no items.
local function find_in_feeds(_, args)
  local person, most = person_of(args[1], args[2]), tonumber(args[3])
  local answer, looked, bytes = { 0 }, 0, 0
  for index = 4, #args, 2 do
    if looked >= most or bytes >= MOST_BYTES then break end
    local feed = args[index]
    local page = redis.pcall('HSCAN', 'feed.items:' .. feed, args[index + 1], 'COUNT', FEW * 4)
    local entry = { feed, page.err and '0' or page[1] }
    for place = 1, page.err and 0 or #page[2], 2 do
      local item = page[2][place + 1]
      looked = looked + 1
      bytes = bytes + #item
      -- A deletion of former versions may carry its author.
      local event = may_name(person, item) and decoded(item)
      if event and (is_theirs(person, event, item) or is_author(person, event, item)) then
        entry[#entry + 1] = page[2][place]
        entry[#entry + 1] = item
      end
    end
    answer[#answer + 1] = entry
  end
  answer[1] = looked
  return answer
end

-- The newest item that is left at one of the places of a record; nil when there is none.
local function item_of(record)
  for _, name in ipairs(record.places and record.places.list or {}) do
    local place = record.places.at[name]
    local feed = '{' .. name .. '}'
    if redis.pcall('HGET', 'feed.config:' .. feed, 'born') == place.born then
      local item = redis.pcall('HGET', 'feed.items:' .. feed, whole(place.first))
      if type(item) == 'string' then return item end
    end
  end
end

-- tidings_find_keys 0 NAME PERSON CURSOR MOST  ->  {next CURSOR, looked at, {KIND, key, item or ''}…}
-- What is the person's among about MOST keys of the database, by a cursor of SCAN. KIND: `record`, that of a comment which
-- the person owns, with an item of it if one is left; `state`, a channel without a history (the key is its name) whose
-- newest event is the person's; or `rate`, a count of the person's comments.
local function find_keys(_, args)
  local name, person = args[1], person_of(args[2], args[3])
  local page = redis.call('SCAN', args[4], 'COUNT', args[5])
  local answer, records = { page[1], #page[2] }, {}
  local partition, rate, opening = '{' .. name .. '.', name .. ':rate:', STATE .. '{'
  for _, key in ipairs(page[2]) do
    if string.sub(key, 1, #partition) == partition then
      if person.sender and string.match(key, '^%d+}:post:', #partition + 1) then records[#records + 1] = key end
    elseif string.sub(key, 1, #rate) == rate then
      local account = string.match(key, '^%d+:(.*)$', #rate + 1)
      if account == person.id or account == person.sender then answer[#answer + 1] = { 'rate', key, '' } end
    elseif string.sub(key, 1, #opening) == opening then
      local text = redis.pcall('GET', key)
      local state = type(text) == 'string' and read_state(text)
      local item = state and event_of(state)
      local event = item and may_name(person, item) and decoded(item)
      if event and (is_theirs(person, event, item) or is_author(person, event, item)) then
        answer[#answer + 1] = { 'state', string.sub(key, #opening + 1, -2), item }
      end
    end
  end
  for start = 1, #records, CHUNK do
    local texts = redis.call('MGET', unpack(records, start, math.min(start + CHUNK - 1, #records)))
    for offset, text in ipairs(texts) do
      if text and string.find(text, person.owner, 1, true) then
        local record = read_record(text)
        if record and record.owner == person.owner then
          answer[#answer + 1] = { 'record', records[start + offset - 1], record.kind ~= 'deleted' and item_of(record) or '' }
        end
      end
    end
  end
  return answer
end

-- tidings_find_version 1 EPOCH-KEY COMMENT  ->  the version of a comment (conversation NUL id) that was published last, or ''
local function find_version(keys, args)
  local record = read_record(redis.pcall('GET', records_of(keys[1]) .. post_of(args[1])))
  return record and record.version or ''
end

-- A version that is newer than that of any event of the partition: those that are on their way, and those that the lane
-- which gives versions takes before its lease changes hands.
local function newest_version(key, known)
  local name, partition = name_of(key), string.match(key, '%.(%d+)}:')
  local _, _, stages = layout_of(name)
  local token = stages and redis.call('HGET', lane_key(name, partition, stages[1]), 'token')
  local last = math.max(tonumber(token or '') or 0, tonumber(known and string.match(known.version, '^%d+') or '') or 0)
  return whole(math.max(now_us(), last + 1)) .. '-0-0'
end

-- What an erased comment leaves: a deletion by nobody that is known, so that no older event of it is published. It names no
-- channels, since they may bear the person's id.
local function erased_record(key, known)
  return {
    version = newest_version(key, known), kind = 'deleted', owner = APP, places = { list = {}, at = {} },
  }
end

-- tidings_erase_record 1 KEY OWNER  ->  1, or 0 when the record is not of that owner any more
-- For a comment of which no item is left.
local function erase_record(keys, args)
  local known = read_record(redis.call('GET', keys[1]))
  if not known or known.owner ~= args[1] then return 0 end
  redis.call('SET', keys[1], record_text(erased_record(keys[1], known)), 'KEEPTTL')
  return 1
end

-- Puts the deletion that was appended to a history as its last number in the place of what is there of the comment: the
-- items that tell so, and those of the numbers in `named`. Gives how many items were there.
local function bury_items(target, comment, event, named, heard)
  local last = target.before
  local numbers, is_known = find_items(target, comment, last - 1), {}
  for _, number in ipairs(numbers) do is_known[number] = true end
  for _, number in ipairs(named) do
    if number < last and not is_known[number] and redis.call('HEXISTS', target.items_key, whole(number)) == 1 then
      is_known[number] = true
      numbers[#numbers + 1] = number
    end
  end
  table.sort(numbers)
  if #numbers == 0 then return 0 end
  local gone = {}
  redis.call('HSET', target.items_key, whole(numbers[1]), event)
  for index = 2, #numbers do gone[#gone + 1] = whole(numbers[index]) end
  remove(target.feed, gone)
  hear(heard, target.edit, whole(numbers[1]), event)
  for _, number in ipairs(gone) do hear(heard, target.retract, number, false) end
  return #numbers
end

-- Whether an event is about a comment (conversation NUL id).
local function is_about(event, comment)
  local thread, id = event and as_text(event.thread), event and as_text(event.id)
  return type(thread) == 'string' and type(id) == 'string' and thread .. '\0' .. id == comment
end

-- The policy of a channel without a history that hears of an erased comment: one whose newest event is about the comment;
-- or one that keeps nothing, when the comment was announced there, at `place`. Nil for any other channel. Its life is not
-- shorter than that of any such channel of its kind.
local function state_policy(name, comment, place)
  local key, kind = STATE .. '{' .. name .. '}', kind_of(name)
  local text = redis.pcall('GET', key)
  local state = type(text) == 'string' and read_state(text)
  if not state then return nil end
  local event = event_of(state)
  if state.word == 'none' then
    if not place or place.born ~= state.born then return nil end
  elseif not event or not is_about(decoded(event), comment) then
    return nil
  end
  local life = redis.call('PTTL', key)
  if life > 0 then
    for _, known in ipairs(redis.call('HMGET', SWEPT, 'life:' .. kind, 'life:*')) do
      life = math.max(life, tonumber(known or '') or 0)
    end
  end
  return policy_of(kind, state.word == 'none' and 'none' or 'state', '0', whole(math.max(0, life)))
end

-- The policy of a history as its feed tells it: an erasure changes neither length nor age.
local function log_policy(target)
  local config = target.config
  local count = tonumber(config[2] or '') or redis.call('ZCARD', target.ids_key) + 1
  return policy_of(kind_of(target.name), whole(count), config[5] or '0', config[3] or '0')
end

-- tidings_erase_comment 1 EPOCH-KEY COMMENT EVENT (CHANNEL k number…)…  ->  {channels, items}
-- Deletes a comment (conversation NUL id), as its deletion EVENT would if the web app had sent it: the event is appended
-- to each of these channels and of those in the comment's record, as far as they have a feed, or a state that is about the
-- comment; it takes the place of the comment's item; the others of the comment go, and those of the numbers. All is
-- announced. The record says `deleted`, newer than any event on its way, and names nobody. EPOCH-KEY: that of the
-- conversation's partition.
local function erase_comment(keys, args)
  local comment, event = args[1], args[2]
  local key = records_of(keys[1]) .. post_of(comment)
  local known, life = read_record(redis.call('GET', key)), math.max(LEAST_LIFE, redis.call('PTTL', key))
  local logs, states, named = {}, {}, {}
  local standings = known and known.places or { list = {}, at = {} }
  local function add(name)
    if not named[name] then
      named[name] = {}
      local policy = redis.call('EXISTS', 'feed.publishes:{' .. name .. '}') == 0
        and state_policy(name, comment, standings.at[name])
      local list = policy and states or logs
      list[#list + 1] = { name = name, policy = policy or nil }
    end
    return named[name]
  end
  local position = 3
  while position < #args do
    local numbers, count = add(args[position]), tonumber(args[position + 1])
    for index = position + 2, position + 1 + count do numbers[#numbers + 1] = tonumber(args[index]) end
    position = position + 2 + count
  end
  for _, name in ipairs(standings.list) do add(name) end
  demand('SET', key, '')
  local channels = logs
  for _, channel in ipairs(states) do channels[#channels + 1] = channel end
  if #channels > 0 then look_at_feeds(channels) end
  local standing = {}
  for _, channel in ipairs(channels) do
    local target = channel.target
    if not channel.failure and (channel.policy or target.has_feed and not target.config.err) then
      channel.policy = channel.policy or log_policy(target)
      if target.is_log then
        demand('PUBLISH', target.edit, '')
        demand('PUBLISH', target.retract, '')
      end
      standing[#standing + 1] = channel
    end
  end

  if #standing > 0 then renew_if_unsure(mark_of(keys[1])) end
  local heard, items, reached, places = {}, 0, 0, {}
  local clock = now_us() / 1000
  -- Histories come first: they say where a state finds the deletion.
  for _, channel in ipairs(standing) do
    if not keep(channel, { event }, { 1 }, places, clock, heard) then
      reached = reached + 1
      life = longest_life(life, channel.policy.life)
      if channel.policy.is_log then items = items + bury_items(channel.target, comment, event, named[channel.name], heard) end
    end
  end
  redis.call('SET', key, record_text(erased_record(keys[1], known)), 'PX', whole(math.min(life, LONGEST)))
  if reached > 0 then number_feeds(standing) end
  tell(heard)
  return { reached, items }
end

-- tidings_erase_items 0 CHANNEL number…  ->  how many were there. Retracts items of a channel that name no comment.
local function erase_items(_, args)
  local target, gone, heard = feed_of(args[1]), {}, {}
  demand('ZREM', target.ids_key, '0')
  demand('HDEL', target.items_key, '0')
  demand('PUBLISH', target.retract, '')
  redis.call('ZCARD', target.ids_key)
  for index = 2, #args do
    if redis.call('HEXISTS', target.items_key, args[index]) == 1 then
      gone[#gone + 1] = args[index]
      hear(heard, target.retract, args[index], false)
    end
  end
  remove(target.feed, gone)
  tell(heard)
  return #gone
end

-- tidings_erase_channel 0 CHANNEL  ->  1, or 0 when there is none. Removes a channel whole, as `tidings_sweep` removes an
-- idle one.
local function erase_channel(_, args)
  local target = feed_of(args[1])
  local keys = { target.ids_key, target.items_key, target.publishes_key, target.config_key, target.state_key }
  if redis.call('EXISTS', unpack(keys)) == 0 then return 0 end
  demand('SREM', 'feeds', target.feed)
  demand_keys(keys, 'UNLINK')
  demand('HSET', SWEPT, 'time', '0')
  demand('PUBLISH', 'delfeed', '')
  redis.call('SCARD', 'feeds')
  local now = now_us() / 1000
  local born, text = redis.pcall('HGET', target.config_key, 'born'), redis.pcall('GET', target.state_key)
  local state = type(text) == 'string' and read_state(text)
  born = type(born) == 'string' and born or state and state.born
  pass_time(now, math.floor(tonumber(born or '') or now))
  redis.call('SREM', 'feeds', target.feed)
  redis.call('UNLINK', unpack(keys))
  announce({ 'delfeed', target.feed .. '\0tidings' })
  return 1
end

register('tidings_find_in_list', find_in_list, 'no-writes')
register('tidings_find_in_feeds', find_in_feeds, 'no-writes')
register('tidings_find_keys', find_keys, 'no-writes')
register('tidings_find_version', find_version, 'no-writes')
register('tidings_erase_queue', erase_queue, 'allow-oom')
register('tidings_erase_letters', erase_letters, 'allow-oom')
register('tidings_erase_comment', erase_comment, 'allow-oom')
register('tidings_erase_record', erase_record, 'allow-oom')
register('tidings_erase_items', erase_items, 'allow-oom')
register('tidings_erase_channel', erase_channel, 'allow-oom')
