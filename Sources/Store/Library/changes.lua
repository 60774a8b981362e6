-- What a commit does with events that create, edit or delete a comment, as far as others of the same comment decide it.
--
-- A comment that nobody has seen is held as one letter: an edit takes the place of what is held, a deletion ends it.
-- Of a comment that was published, what is held gives way to a later event. An older event is superseded: it is dropped.
-- An edit or a deletion of another one's comment (not of the app or of a moderator) changes nothing: it is dropped as
-- not-yours.

-- Drops an event, or its letter.
local function drop(lane, text, reason)
  tally(lane, 'dropped', 1)
  tally(lane, 'dropped:' .. reason, 1)
  local job = job_of(text)
  if job then settle(name_of(lane), job, 'dropped: ' .. reason) end
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
    for offset, text in ipairs(known) do op.held[posts[start + offset - 1]] = read_hold(text) end
  end
end

-- A letter with another event. The first `"event":` outside of a string is the letter's own.
local function with_event(letter, event)
  local opening = string.find(letter, ',"event":', 1, true)
  return opening and string.sub(letter, 1, opening) .. '"event":' .. event .. '}'
end

-- Where the member `_by` ends whose string begins at `start`, which is behind its opening quote.
local function end_of_string(text, start)
  local at = start
  while true do
    at = string.find(text, '["\\]', at)
    if not at then return nil end
    if string.sub(text, at, at) == '"' then return at end
    at = at + 2
  end
end

-- An edit that takes the place of a held comment is published as its creation, by the comment's owner, whoever edited it:
-- EventVersion.swift reads the word, Sender.swift the owner.
local function as_creation(event, change, owner)
  if change.kind == 'created' then return event end
  local opening = '"_v":"' .. change.version
  local first, last = string.find(event, opening .. '"', 1, true)
  if not first then return event end
  local rest = string.sub(event, last + 1)
  local by = ',"_by":"'
  if string.sub(rest, 1, #by) == by then
    local stop = end_of_string(rest, #by + 1)
    if stop then rest = string.sub(rest, stop + 1) end
  end
  if owner ~= APP then rest = by .. owner .. '"' .. rest end
  return string.sub(event, 1, last - 1) .. ' created"' .. rest
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

  local function replace(change, held, letter, kind, owner)
    give_way(held)
    redis.call('LSET', op.list, held.place, letter)
    tally(lane, 'held', 1)
    local hold = { version = change.version, kind = kind, letter = held.letter, owner = owner }
    redis.call('HSET', op.holds, change.post, hold_text(hold))
    op.held[change.post] = hold
    change.settled = true
  end

  -- The new letter of an event that takes the place of another one, under the old id.
  local function renewed(change, held)
    local event = change.verdict == 'hold' and event_in(change.text) or change.text
    if held.unseen then event = as_creation(event, change, held.owner) end
    local head = held.text
    if change.verdict == 'hold' then
      head = string.gsub(change.text, '^{"id":"[^"]*"', function() return '{"id":"' .. held.letter .. '"' end)
    elseif not string.find(head, '"error":"' .. BEFORE, 1, true) then
      head = string.gsub(head, '"error":"', function(opening) return opening .. BEFORE end, 1)
    end
    return with_event(head, event)
  end

  local function refuse(change, reason)
    change.settled = true
    drop(lane, change.text, reason)
  end

  for _, change in ipairs(op.changes) do
    local is_held, is_deletion = change.verdict == 'hold', change.kind == 'deleted'
    if is_held or change.kind ~= 'created' then
      local held = find(change)
      local record = (held or is_held) and read_record(redis.pcall('GET', op.records .. change.post))
      local owner = record and record.owner or held and held.owner
      -- Whose change is held of a comment that nobody knows is not known either: it is left to its own sender.
      local is_unknown = owner and string.sub(owner, 1, 1) == '?'
      local is_stranger = owner and not may_change(change.sender, is_unknown and string.sub(owner, 2) or owner)
      if held and is_older(change.version, held.version) and not (is_stranger and is_unknown)
        or is_held and record and is_older(change.version, record.version) then
        refuse(change, 'superseded')
      elseif is_stranger and not is_unknown then
        refuse(change, 'not-yours')
      elseif held and is_older(held.version, change.version) and not is_stranger then
        held.unseen = held.kind == 'created' and not record
        local letter = (held.unseen or is_held) and not (held.unseen and is_deletion) and renewed(change, held)
        if letter then
          replace(change, held, letter, held.unseen and 'created' or change.kind,
            change.kind == 'created' and owner_of(change.sender) or owner)
        else
          remove(change, held)
          if held.unseen and is_deletion then
            -- An older event of the comment may be on its way still.
            write_records(op.records, {
              [change.post] = { version = change.version, kind = 'deleted', owner = owner, places = { list = {}, at = {} } },
            }, op.ttl)
            refuse(change, 'superseded')
          end
        end
      end
      if is_held and not change.settled then
        local id = string.match(change.text, '^{"id":"([^"]*)"')
        fresh[#fresh + 1] = change.text
        -- What is held of somebody else stays in the index: each of the two is judged when it is published.
        if id and not (is_stranger and op.held[change.post]) then
          if change.kind == 'created' then
            owner = owner_of(change.sender)
          elseif not owner or is_unknown then
            owner = '?' .. change.sender
          end
          local hold = { version = change.version, kind = change.kind, letter = id, owner = owner }
          index[#index + 1] = change.post
          index[#index + 1] = hold_text(hold)
          op.held[change.post] = hold
        end
        change.settled = true
      end
    end
  end
  store()
  return forgotten
end
