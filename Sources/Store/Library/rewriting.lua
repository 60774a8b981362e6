-- What a publication does to the comments that its events create, edit or delete: which of them count, which channels
-- they reach, and how the histories are rewritten so that nobody who comes later is given text that was replaced.
--
-- A channel keeps at most two items of a comment: at the number at which the comment came there (its place) stands its
-- newest content, or the deletion, and so does the number of its latest change. The numbers between them become holes,
-- which are retractions and no loss.

-- Reads the records of the posts that a publication is about, and puts the changes that it names in their places.
local function look_at_records(op)
  local keys, posts = {}, {}
  op.known = {}
  for _, entry in ipairs(op.entries) do
    if string.byte(entry.post) == 0 then
      local change = op.changes[tonumber(string.sub(entry.post, 2))]
      entry.change, entry.post, entry.comment = change, change.post, change.comment
      entry.version, entry.kind, entry.sender = change.version, change.kind, change.sender
    elseif entry.post ~= '' then
      entry.version, entry.kind, entry.sender = string.match(entry.text, '^(%S+) (%S+) ?(%S*)$')
    end
    if entry.post ~= '' then
      posts[#posts + 1] = entry.post
      keys[#keys + 1] = op.records .. entry.post
    end
  end
  if #keys == 0 then return end
  demand_keys(keys, 'SET', '')
  for start = 1, #keys, CHUNK do
    local texts = redis.call('MGET', unpack(keys, start, math.min(start + CHUNK - 1, #keys)))
    for offset, text in ipairs(texts) do
      if text then op.known[posts[start + offset - 1]] = read_record(text) end
    end
  end
end

-- The channels that a publication names for each of its events.
local function own_channels(op)
  if not op.own then
    op.own = {}
    for _, channel in ipairs(op.channels) do
      for _, index in ipairs(channel.indexes) do
        op.own[index] = op.own[index] or {}
        table.insert(op.own[index], channel.name)
      end
    end
  end
  return op.own
end

-- The channels in which a comment stands when this record is written.
local function reach_of(op, record)
  if not record.reach then
    local reach = { list = {}, has = {} }
    local function add(names)
      for _, name in ipairs(names or {}) do
        if not reach.has[name] then
          reach.has[name] = true
          reach.list[#reach.list + 1] = name
        end
      end
    end
    add(record.places and record.places.list)
    if record.index then add(own_channels(op)[record.index]) end
    record.reach = reach
  end
  return record.reach
end

-- Why an event of a comment is not published, given the record of what was published before; nil when it is. `op` is the
-- publication; `entry` has the event's comment (conversation NUL id), kind, version and sender.
local function refusal_of(op, entry, before)
  if before and is_older(entry.version, before.version) then return 'superseded' end
  if before and not may_change(entry.sender, before.owner) then return 'not-yours' end
  if not before and entry.kind ~= 'created' and not may_change(entry.sender, APP) then return 'not-yours' end
  if op.closed_after[entry.conversation] and not is_taken_closed(entry) then return 'closed' end
  return nil
end

local decide_change
do
  -- How many channels a comment may stand in, over all its edits.
  local MOST_PLACES = 64
  -- How many channels a change reaches, its own included, and how many bytes its items may have there: two for each channel.
  -- Beyond, the comment leaves those that it came to by earlier events: what they hear of is a deletion. So a chain of edits,
  -- each with other mentions, costs no more than one comment does, and a long edit no more than a short one.
  local MOST_REACHED = 8
  local MOST_BYTES = 32768

  -- What a channel hears of a comment that leaves it.
  local function leaving_text(comment)
    local thread, id = split_comment(comment)
    local text = cjson.encode({ thread = thread, id = id, type = 'comment.deleted' })
    return (string.gsub(text, '<', '\\u003c'))
  end

  -- Decides about an event of a comment of which `before` is the newest record: sets the entry's `further` channels, or gives
  -- the reason why it is not published. `record`: the one that it would write.
  function decide_change(op, index, entry, before, record)
    local own, reach = own_channels(op)[index] or {}, reach_of(op, before)
    local is_own, list, has, leaves = {}, {}, {}, nil
    for _, name in ipairs(own) do is_own[name] = true end
    local room = math.min(MOST_REACHED, math.floor(MOST_BYTES / 2 / math.max(1, #op.events[index]))) - #own
    -- The same version again, for one channel that it did not reach, goes nowhere else.
    local is_again = entry.version == before.version
    if not is_again then entry.further = {} end
    for _, name in ipairs(reach.list) do
      local stays = is_own[name] or is_again or room > 0
      if stays then
        list[#list + 1], has[name] = name, true
        if not is_own[name] then room = room - 1 end
      else
        leaves = leaves or {}
        leaves[name] = true
      end
      if entry.further and not is_own[name] then table.insert(entry.further, name) end
    end
    for _, name in ipairs(own) do
      if not has[name] then list[#list + 1], has[name] = name, true end
    end
    if #list > MOST_PLACES then return 'too_many_channels' end
    if leaves then entry.leaves, entry.leaving, op.has_leaves = leaves, leaving_text(entry.comment), true end
    if #own == 0 and #(entry.further or {}) == 0 then return 'no_channel' end
    before.places = before.places or { list = {}, at = {} }
    record.places = before.places
    record.reach = { list = list, has = has }
    -- Nobody knows where the comment stands: its items are looked for.
    record.is_lost = before.is_lost
    return nil
  end
end

-- Decides which events of a publication are published: sets each entry's `refusal`, the reason why not, or its `record`,
-- and `further`, the channels beyond its own that hear of a change. Writes nothing. Events that are about no comment are
-- published. Gives the newest record of each post. Further reasons to refuse an event of a comment go into `refusal_of`.
local function decide(op)
  local latest = {}
  op.has_changes, op.has_refusals = false, false
  -- Conversation -> the time since which it is closed, or true from this call on, or false, as of the entry at hand.
  op.closed_after = {}
  for name, time in pairs(op.closed or {}) do op.closed_after[name] = time end
  for index, entry in ipairs(op.entries) do
    local post = entry.post
    entry.refusal, entry.record, entry.further, entry.leaves = nil, nil, nil, nil
    if entry.closing then
      op.closed_after[entry.conversation] = entry.closing == 'closed' and (op.closed_after[entry.conversation] or true)
    elseif entry.change and entry.change.settled then
      op.has_refusals = true
    elseif post ~= '' then
      local before = latest[post] or op.known[post]
      local is_new = not before and entry.kind == 'created'
      local refusal = refusal_of(op, entry, before)
      local record = { version = entry.version, kind = entry.kind, index = index }
      if is_new or entry.kind == 'created' then
        record.owner = owner_of(entry.sender)
      else
        record.owner = before and before.owner or APP
      end
      if before then
        refusal = refusal or decide_change(op, index, entry, before, record)
      elseif not is_new then
        record.is_lost = true
        refusal = refusal or not own_channels(op)[index] and 'no_channel' or nil
      end
      if refusal then
        entry.refusal, op.has_refusals = refusal, true
      else
        entry.record, latest[post] = record, record
        entry.is_change = not is_new
        op.has_changes = op.has_changes or not is_new
      end
    end
  end
  return latest
end

-- The policy of a channel that a publication does not name.
local function policy_for(op, channel)
  local kind, others = kind_of(channel), op.policies[1]
  for _, policy in ipairs(op.policies) do
    if policy.kind == kind then return policy end
    if policy.kind == '*' then others = policy end
  end
  return others
end

-- Adds the channels that hear of changes beyond the events' own, before the feeds are looked at.
local function reach_further(op)
  local named
  for index, entry in ipairs(op.entries) do
    for _, name in ipairs(entry.further or {}) do
      if not named then
        named = {}
        for _, channel in ipairs(op.channels) do named[channel.name] = channel end
      end
      local channel = named[name]
      if not channel then
        channel = { name = name, indexes = {}, policy = policy_for(op, name) }
        named[name] = channel
        -- Channels with a history come first.
        table.insert(op.channels, channel.policy.is_log and 1 or #op.channels + 1, channel)
      end
      -- Events keep their order in each channel.
      local at = #channel.indexes + 1
      while at > 1 and channel.indexes[at - 1] > index do at = at - 1 end
      table.insert(channel.indexes, at, index)
      channel.further = channel.further or {}
      channel.further[index] = true
    end
  end
end

-- Checks the rights to rewrite, for the channels that changes go to.
local function demand_rewriting(op)
  if not op.has_changes then return end
  for _, channel in ipairs(op.channels) do
    local target = channel.target
    for _, index in ipairs(target.is_log and channel.indexes or {}) do
      if op.entries[index].is_change then
        demand('PUBLISH', target.edit, '')
        demand('PUBLISH', target.retract, '')
        demand('HEXISTS', target.items_key, '1')
        demand('HMGET', target.items_key, '1')
        demand('ZRANGE', target.ids_key, '0', '-1')
        demand('ZSCORE', target.ids_key, '1')
        break
      end
    end
  end
end

-- Decides for good, and ends the events that are not published. Gives the newest record of each post.
local function pick(op, lane)
  for _, entry in ipairs(op.entries) do
    if entry.record and entry.change and entry.change.settled then
      -- What the lane holds has settled it meanwhile.
      op.newest = decide(op)
      break
    end
  end
  for index, entry in ipairs(op.entries) do
    local change = entry.change
    if entry.refusal then
      drop(lane, change and change.text or op.events[index], entry.refusal)
      if change then change.settled = true end
    elseif entry.record then
      if change then passes(change, op.passed) else op.passed.number = op.passed.number + 1 end
    end
  end
  return op.newest
end

-- The birth of a channel that was looked at, for a place. 0: nobody knows it.
local function birth_of(target)
  return target.born or '0'
end

-- Whether a comment stands in a feed, as far as its record knows: a feed that was removed, and born again, has it no more.
local function stands_in(record, channel)
  local place = record.places and record.places.at[channel.name]
  return place and not channel.target.is_new and place.born == birth_of(channel.target)
end

-- The events of a channel that are published there, by their indexes.
local function chosen_of(op, channel)
  if not op.has_refusals and not channel.further then return channel.indexes end
  local chosen, brought = {}, {}
  for _, index in ipairs(channel.indexes) do
    local entry = op.entries[index]
    local is_chosen = entry.post == '' or entry.record
    -- A change that the channel did not ask for goes there only where the comment stands.
    if is_chosen and channel.further and channel.further[index] then
      is_chosen = brought[entry.post] or stands_in(entry.record, channel)
    end
    if is_chosen then
      chosen[#chosen + 1] = index
      if entry.post ~= '' then brought[entry.post] = true end
    end
  end
  return chosen
end

local function as_text(value)
  if type(value) == 'number' then return whole(value) end
  return value
end

-- The numbers of a history's items that are about a comment (conversation NUL id), in order, up to the number `last`, and
-- as far as they are given up to a time (ms) and those of which `fits` says so.
local function find_items(target, comment, last, time, fits)
  local thread, id = split_comment(comment)
  if not id then return {} end
  -- Such an id is written in one way only, so most items need not be parsed.
  local is_plain = string.match(id, '^[%w%-_%.:]+$')
  local found = {}
  local ids = time and redis.call('ZRANGE', target.ids_key, '-inf', string.format('%.3f', time), 'BYSCORE')
    or redis.call('ZRANGE', target.ids_key, 0, -1)
  for start = 1, #ids, CHUNK do
    local stop = math.min(start + CHUNK - 1, #ids)
    for offset, item in ipairs(redis.call('HMGET', target.items_key, unpack(ids, start, stop))) do
      local number = tonumber(ids[start + offset - 1])
      if item and number and number <= last and (not is_plain or string.find(item, id, 1, true)) then
        local good, object = pcall(cjson.decode, item)
        if good and type(object) == 'table' and as_text(object.id) == id and as_text(object.thread) == thread
          and (not fits or fits(object)) then
          found[#found + 1] = number
        end
      end
    end
  end
  table.sort(found)
  return found
end

-- Notes where a new comment stands that no later event of the same commit changes.
local function note_place(record, channel, number)
  record.stands = (record.stands or '') .. '{' .. channel.name .. '}' .. birth_of(channel.target) .. '-' .. whole(number)
end

-- The event that a channel gets where one that is published goes there.
local function text_for(op, channel, index)
  local entry = op.entries[index]
  if entry.leaves and entry.leaves[channel.name] then return entry.leaving end
  return op.events[index]
end

-- Takes the channels that comments have left out of their newest records.
local function forget_left(newest)
  for _, record in pairs(newest) do
    local places, reach = record.places, record.reach
    if places and reach then
      local list = {}
      for _, name in ipairs(places.list) do
        if reach.has[name] then list[#list + 1] = name else places.at[name] = nil end
      end
      places.list = list
    end
  end
end

-- Notes that comments were announced in a channel without a history, so that later changes are announced there as well:
-- their place has the number 0.
local function note_announced(op, channel, chosen)
  for _, index in ipairs(chosen) do
    local record = op.entries[index].record
    if record and not record.places and not record.is_lost then
      note_place(record, channel, 0)
    elseif record then
      record.places = record.places or { list = {}, at = {} }
      local places = record.places
      if not places.at[channel.name] then table.insert(places.list, channel.name) end
      places.at[channel.name] = { born = birth_of(channel.target), first = 0 }
    end
  end
end

local rewrite
do
  -- The numbers of items that an earlier record of a changed comment knew: it expired while they stood in the history, and
  -- the id was created again. A record lives as long as the feed does, at least, from the comment's last event on, by the times
  -- of the feed: so nothing younger than that is looked at, which is nothing at all in most histories. Whose an earlier item is
  -- is only known as far as it names its author: others than the app and moderators change what is theirs.
  local function earlier_items(target, entry, first, number)
    local born = first and redis.call('ZSCORE', target.ids_key, whole(first))
    local since = born or redis.call('ZSCORE', target.ids_key, whole(number))
    -- It has fallen off already, with all that is older.
    if not since then return {} end
    local life = math.min(tonumber(target.config[3] or '') or LONGEST, tonumber(target.shortest or '') or LONGEST, LONGEST)
    local time = tonumber(since) - life + 1000
    local name = string.match(entry.sender, '^u:(.*)$')
    local is_text, words = pcall(cjson.decode, '["' .. (name or '') .. '"]')
    local person = name and is_text and words[1]
    if entry.sender ~= '' and not person and string.sub(entry.sender, 1, 2) ~= 'm:' then return {} end
    return find_items(target, entry.comment, (born and first or number) - 1, time, function(object)
      local author = type(object.author) == 'table' and object.author.id
      return not person or as_text(author) == person
    end)
  end

  -- Puts the newest content of changed comments into a history to which events were appended: `chosen` are their indexes,
  -- the first has the number `first`. Notes in the records where the comments stand now, and adds the announcements to
  -- `heard`.
  function rewrite(op, channel, chosen, first, heard)
    local target = channel.target
    local contents, order, gone, is_gone = {}, {}, {}, {}

    local function is_there(number)
      return not is_gone[number] and redis.call('HEXISTS', target.items_key, whole(number)) == 1
    end
    local function put(number, event)
      if not contents[number] then order[#order + 1] = number end
      contents[number] = event
    end
    local function retract(number)
      if is_there(number) then
        is_gone[number] = true
        gone[#gone + 1] = whole(number)
      end
    end

    for offset, index in ipairs(chosen) do
      local entry = op.entries[index]
      local record, number = entry.record, first + offset - 1
      if record and not record.places and not record.is_lost then
        note_place(record, channel, number)
      elseif record then
        record.places = record.places or { list = {}, at = {} }
        local places = record.places
        local place = places.at[channel.name]
        if not place then table.insert(places.list, channel.name) end
        if place and place.born ~= birth_of(target) then place = nil end
        if not place and record.is_lost then
          local found = find_items(target, entry.comment, number - 1)
          for position = 2, #found do retract(found[position]) end
          if found[1] then place = { born = birth_of(target), first = found[1] } end
        elseif entry.is_change then
          for _, earlier in ipairs(earlier_items(target, entry, place and place.first, number)) do retract(earlier) end
        end
        if not place then
          place = { born = birth_of(target), first = number }
        else
          if place.latest and place.latest ~= place.first then retract(place.latest) end
          if is_there(place.first) then
            put(place.first, text_for(op, channel, index))
            place.latest = number
          else
            -- It has fallen off: the change is the oldest that is left of the comment.
            place.first, place.latest = number, nil
          end
        end
        places.at[channel.name] = place
      end
    end

    if #order > 0 then
      local fields = {}
      for _, number in ipairs(order) do
        fields[#fields + 1], fields[#fields + 2] = whole(number), contents[number]
      end
      call_in_chunks('HSET', target.items_key, fields, 1, #fields)
    end
    remove(target.feed, gone)
    for _, number in ipairs(order) do
      hear(heard, target.edit, whole(number), contents[number])
    end
    for _, number in ipairs(gone) do
      hear(heard, target.retract, number, false)
    end
  end
end

-- Notes where comments stand whose events were appended to a history, and rewrites it where one is a change.
local function stand(op, channel, chosen, first, heard)
  if not channel.policy.is_log then return note_announced(op, channel, chosen) end
  if op.has_changes then return rewrite(op, channel, chosen, first, heard) end
  for offset, index in ipairs(chosen) do
    local record = op.entries[index].record
    if record then note_place(record, channel, first + offset - 1) end
  end
end
