-- What a commit does with events that create, edit or delete a comment, as far as others of the same comment decide it.
--
-- A comment that nobody has seen is held as one letter: an edit takes the place of what is held, a deletion ends it.
-- Of a comment that was published, what is held gives way to a later event. An older event is superseded: it is dropped.

-- Ends an event, or its letter, because of a later one.
local function supersede(lane, text)
  tally(lane, 'dropped', 1)
  tally(lane, 'dropped:superseded', 1)
  local job = job_of(text)
  if job then settle(name_of(lane), job, 'dropped: superseded') end
end

-- Whether a change goes on where an operation names it. Wherever it goes, it counts as passed once.
local function passes(change, passed)
  if change.settled then return false end
  if not change.has_passed then
    change.has_passed = true
    passed.number = passed.number + 1
  end
  return true
end

-- Looks at what a lane holds of the changes' posts, and at the keys that may be written. Only an edit or a deletion
-- looks, and what is to be held.
local function look_at_holds(op)
  op.holds, op.held = holds_of(op.list), {}
  local posts = {}
  for _, change in ipairs(op.changes) do
    if change.kind ~= 'created' or change.verdict == 'hold' then posts[#posts + 1] = change.post end
  end
  if #posts == 0 then return end
  demand('LSET', op.list, '0', '')
  demand('LREM', op.list, '1', '')
  demand('HSET', op.holds, '', '')
  demand('HDEL', op.holds, '')
  demand('SET', op.records .. posts[1], '')
  for start = 1, #posts, CHUNK do
    local known = redis.call('HMGET', op.holds, unpack(posts, start, math.min(start + CHUNK - 1, #posts)))
    for offset, text in ipairs(known) do op.held[posts[start + offset - 1]] = read_record(text) or nil end
  end
end

-- Reads the records of the posts that a publication is about, and puts the changes that it names in their places.
local function look_at_records(op)
  local keys, posts = {}, {}
  op.referred, op.known = {}, {}
  for index, post in ipairs(op.posts) do
    if string.byte(post) == 0 then
      local change = op.changes[tonumber(string.sub(post, 2))]
      post = change.post
      op.referred[index], op.posts[index], op.texts[index] = change, post, change.version .. ' ' .. change.kind
    end
    if post ~= '' then
      posts[#posts + 1] = post
      keys[#keys + 1] = op.records .. post
    end
  end
  if #keys == 0 then return end
  demand_keys(keys, 'SET', '')
  for start = 1, #keys, CHUNK do
    local texts = redis.call('MGET', unpack(keys, start, math.min(start + CHUNK - 1, #keys)))
    for offset, text in ipairs(texts) do op.known[posts[start + offset - 1]] = text or nil end
  end
end

-- A letter with another event. The first `"event":` outside of a string is the letter's own.
local function with_event(letter, event)
  local opening = string.find(letter, ',"event":', 1, true)
  return opening and string.sub(letter, 1, opening) .. '"event":' .. event .. '}'
end

-- An edit that takes the place of a held comment is published as its creation: EventVersion.swift reads the word.
local function as_creation(event, change)
  if change.kind == 'created' then return event end
  local opening = '"_v":"' .. change.version
  local first, last = string.find(event, opening .. '"', 1, true)
  if not first then return event end
  return string.sub(event, 1, last - 1) .. ' created' .. string.sub(event, last)
end

-- The event of a letter as it stands there.
local function event_in(letter)
  local _, opening = string.find(letter, ',"event":', 1, true)
  return opening and string.sub(letter, opening + 1, -2)
end

local BEFORE = 'Before its last edit: '

-- Decides about each change in the batch's order. Returns how many letters fell off the full list.
local function settle_changes(op, lane)
  local forgotten, fresh, index = 0, {}, {}

  local function store()
    if #fresh == 0 then return end
    -- Somebody has deleted the list by hand.
    if redis.call('LLEN', op.list) == 0 then redis.pcall('DEL', op.holds) end
    call_in_chunks('HSET', op.holds, index, 1, #index)
    forgotten = forgotten + store_letters(lane, 'held', op.list, op.cap, fresh)
    fresh, index = {}, {}
  end

  -- What is held of the change's post, with its letter; nil when nothing is.
  local function find(change)
    local held = op.held[change.post]
    if not held then return nil end
    store()
    held.place, held.text = find_letter(op.list, held.letter)
    if held.place then return held end
    redis.call('HDEL', op.holds, change.post)
    op.held[change.post] = nil
    return nil
  end

  -- A letter gives way to a later event.
  local function give_way(held)
    tally(lane, 'held:superseded', 1)
    local job = job_of(held.text)
    if job then settle(name_of(lane), job, 'dropped: superseded') end
  end

  local function remove(change, held)
    give_way(held)
    redis.call('LREM', op.list, 1, held.text)
    redis.call('HDEL', op.holds, change.post)
    op.held[change.post] = nil
  end

  local function replace(change, held, letter, kind)
    give_way(held)
    redis.call('LSET', op.list, held.place, letter)
    tally(lane, 'held', 1)
    redis.call('HSET', op.holds, change.post, change.version .. ' ' .. kind .. ' ' .. held.letter)
    op.held[change.post] = { version = change.version, kind = kind, letter = held.letter }
    change.settled = true
  end

  -- The new letter of an event that takes the place of another one, under the old id.
  local function renewed(change, held)
    local event = change.verdict == 'hold' and event_in(change.text) or change.text
    if held.unseen then event = as_creation(event, change) end
    local head = held.text
    if change.verdict == 'hold' then
      head = string.gsub(change.text, '^{"id":"[^"]*"', function() return '{"id":"' .. held.letter .. '"' end)
    elseif not string.find(head, '"error":"' .. BEFORE, 1, true) then
      head = string.gsub(head, '"error":"', function(opening) return opening .. BEFORE end, 1)
    end
    return with_event(head, event)
  end

  for _, change in ipairs(op.changes) do
    local is_held, is_deletion = change.verdict == 'hold', change.kind == 'deleted'
    if is_held or change.kind ~= 'created' then
      local held = find(change)
      local record = (held or is_held) and read_record(redis.pcall('GET', op.records .. change.post))
      if held and is_older(change.version, held.version)
        or is_held and record and is_older(change.version, record.version) then
        change.settled = true
        supersede(lane, change.text)
      elseif held and is_older(held.version, change.version) then
        held.unseen = held.kind == 'created' and not record
        local letter = (held.unseen or is_held) and not (held.unseen and is_deletion) and renewed(change, held)
        if letter then
          replace(change, held, letter, held.unseen and 'created' or change.kind)
        else
          remove(change, held)
          if held.unseen and is_deletion then
            -- An older event of the comment may be on its way still.
            write_records(op.records, { [change.post] = change.version .. ' deleted' }, op.ttl)
            change.settled = true
            supersede(lane, change.text)
          end
        end
      end
      if is_held and not change.settled then
        local id = string.match(change.text, '^{"id":"([^"]*)"')
        fresh[#fresh + 1] = change.text
        if id then
          index[#index + 1] = change.post
          index[#index + 1] = change.version .. ' ' .. change.kind .. ' ' .. id
          op.held[change.post] = { version = change.version, kind = change.kind, letter = id }
        end
        change.settled = true
      end
    end
  end
  store()
  return forgotten
end
