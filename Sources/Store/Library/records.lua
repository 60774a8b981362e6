-- Posts: which version of a comment is the newest, whose it is, where it stands, and which comments wait in a list of
-- held events.
--
-- RECORDS .. POST -> 'VERSION KIND OWNER PLACES': what was published last of a comment. Expires with the histories. PLACES:
-- for each channel `{CHANNEL}BORN-FIRST` or `{CHANNEL}BORN-FIRST-LATEST`: the feed's birth, the number at which the
-- comment's item stands, and the number of its latest change. Without OWNER and PLACES it was written by a library before
-- version 13: the comment is the web app's, and nobody knows where it stands.
-- {NAME.p}:holds:STAGE, a hash POST -> 'VERSION KIND LETTER OWNER': what a lane holds of a comment, the id of its letter,
-- and whose the comment is. KIND there is `created` as long as nobody has seen the comment, also when an edit has taken the
-- place of what was held. OWNER is `?SENDER` for a change of a comment of which nothing is known. In both, words may be
-- added at the end.
--
-- POST is conversation NUL id, or a hash of that. KIND is created, edited or deleted. A VERSION is TOKEN-SERIAL-INDEX
-- (EventVersion.swift); a further word behind it is not compared. OWNER and SENDER: Sender.swift; a space in them is
-- written as \u0020, so that both are one word and may stand in a string of JSON as they are. An empty SENDER is the app.

local APP = 'app'

-- Longer posts are hashed, so that keys stay small. A hash contains no NUL, so it is no post itself.
local POST_BYTES = 64

local function post_of(text)
  if #text <= POST_BYTES then return text end
  return redis.sha1hex(text)
end

-- The conversation of a comment (conversation NUL id), and its id. Without NUL: the text, and nil.
local function split_comment(comment)
  local split_at = string.find(comment, '\0', 1, true)
  if not split_at then return comment, nil end
  return string.sub(comment, 1, split_at - 1), string.sub(comment, split_at + 1)
end

-- Whether a version is older than another one. The same version is not.
local function is_older(left, right)
  if left == right then return false end
  local token, serial, index = string.match(left, '^(%d+)%-(%d+)%-(%d+)')
  local its_token, its_serial, its_index = string.match(right, '^(%d+)%-(%d+)%-(%d+)')
  if not token or not its_token then return false end
  if token ~= its_token then return tonumber(token) < tonumber(its_token) end
  if serial ~= its_serial then return tonumber(serial) < tonumber(its_serial) end
  return tonumber(index) < tonumber(its_index)
end

-- Whose a comment is that this sender has created.
local function owner_of(sender)
  if sender == '' then return APP end
  return string.sub(sender, 1, 2) == 'm:' and 'u:' .. string.sub(sender, 3) or sender
end

-- Whether a sender may change what belongs to an owner: the owner, the app, and moderators.
local function may_change(sender, owner)
  return sender == '' or sender == owner or string.sub(sender, 1, 2) == 'm:' or owner_of(sender) == owner
end

-- Reads a kind with its sender: `KIND` or `KIND SENDER`.
local function read_kind(text)
  local kind, sender = string.match(text, '^(%S+) (%S+)$')
  return kind or text, sender or ''
end

-- Reads a record. Nil when it is none. `places` is nil when nobody knows where the comment stands; otherwise the channels
-- in the order in which it came there, and what is known of each.
local function read_record(text)
  if type(text) ~= 'string' then return nil end
  local version, kind, rest = string.match(text, '^(%S+) (%S+)(.*)$')
  if not version then return nil end
  local owner, list = string.match(rest, '^ (%S+) ?(.*)$')
  local record = { version = version, kind = kind, owner = owner or APP, is_lost = not owner }
  if owner then
    record.places = { list = {}, at = {} }
    for name, born, first, latest in string.gmatch(list, '{([^}]*)}(%d+)%-(%d+)%-?(%d*)') do
      table.insert(record.places.list, name)
      record.places.at[name] = { born = born, first = tonumber(first), latest = tonumber(latest) }
    end
  end
  return record
end

-- A record as it is stored. `stands`: its places as text, where they were written down so.
local function record_text(record)
  local text = record.version .. ' ' .. record.kind .. ' ' .. record.owner .. ' ' .. (record.stands or '')
  if not record.places then return text end
  local parts = { text }
  for _, name in ipairs(record.places.list) do
    local place, count = record.places.at[name], #parts
    parts[count + 1], parts[count + 2], parts[count + 3] = '{', name, '}'
    parts[count + 4], parts[count + 5], parts[count + 6] = place.born, '-', whole(place.first)
    if place.latest then parts[count + 7], parts[count + 8] = '-', whole(place.latest) end
  end
  return table.concat(parts)
end

-- Writes records, post -> record, which live for `ttl` ms.
local function write_records(prefix, records, ttl)
  local life = whole(math.max(1, math.min(tonumber(ttl), LONGEST)))
  for post, record in pairs(records) do redis.call('SET', prefix .. post, record_text(record), 'PX', life) end
end

-- Reads what is held of a post. Nil when it is nothing.
local function read_hold(text)
  if type(text) ~= 'string' then return nil end
  local version, kind, letter, owner = string.match(text, '^(%S+) (%S+) ?(%S*) ?(%S*)')
  if not version then return nil end
  return { version = version, kind = kind, letter = letter, owner = owner ~= '' and owner or APP }
end

local function hold_text(hold)
  return hold.version .. ' ' .. hold.kind .. ' ' .. hold.letter .. ' ' .. hold.owner
end

-- The index of a list of held events; nil for any other list.
local function holds_of(list)
  local partition, stage = string.match(list, '^({.-}):held:(.+)$')
  return partition and partition .. ':holds:' .. stage
end

-- Takes a letter that leaves its list out of the index.
local function forget_hold(list, letter)
  local holds = holds_of(list)
  if not holds or redis.pcall('EXISTS', holds) ~= 1 then return end
  local good, object = pcall(cjson.decode, letter)
  if not good or type(object) ~= 'table' or type(object.id) ~= 'string' then return end
  local event = type(object.event) == 'table' and object.event or {}
  local posts = {}
  if type(event.thread) == 'string' and type(event.id) == 'string' then
    posts = { post_of(event.thread .. '\0' .. event.id) }
  else
    -- Lua cannot write large numbers as they were.
    local all = redis.pcall('HKEYS', holds)
    if not all.err then posts = all end
  end
  for _, post in ipairs(posts) do
    local held = read_hold(redis.pcall('HGET', holds, post))
    if held and held.letter == object.id then redis.pcall('HDEL', holds, post) end
  end
end

-- Finds a letter by its id: its place in the list, and the letter. A lane's letters stand in the order of their ids. In
-- a list that somebody has edited, all are looked at.
local function find_letter(list, id)
  local opening = '{"id":"' .. id .. '"'
  local version = string.match(id, '(%d+%-%d+%-%d+)$')
  local low, high = 0, redis.call('LLEN', list) - 1
  local last = high
  while version and low <= high do
    local middle = math.floor((low + high) / 2)
    local letter = redis.call('LINDEX', list, middle)
    if string.sub(letter, 1, #opening) == opening then return middle, letter end
    local other = string.match(letter, '^{"id":"[^"]-(%d+%-%d+%-%d+)"')
    if not other then break end
    if is_older(other, version) then low = middle + 1 else high = middle - 1 end
  end
  for start = 0, last, CHUNK do
    for offset, letter in ipairs(redis.call('LRANGE', list, start, start + CHUNK - 1)) do
      if string.sub(letter, 1, #opening) == opening then return start + offset - 1, letter end
    end
  end
  return nil
end
