-- Posts: which version of a comment is the newest, and which comments wait in a list of held events.
--
-- RECORDS .. POST -> 'VERSION KIND': what was published last of a comment. Expires with the histories.
-- {NAME.p}:holds:STAGE, a hash POST -> 'VERSION KIND LETTER': what a lane holds of a comment, and the id of its letter.
-- KIND there is `created` as long as nobody has seen the comment, also when an edit has taken the place of what was
-- held. In both, words may be added at the end.
--
-- POST is conversation NUL id, or a hash of that. KIND is created, edited or deleted. A VERSION is TOKEN-SERIAL-INDEX
-- (EventVersion.swift); a further word behind it is not compared.

-- Longer posts are hashed, so that keys stay small. A hash contains no NUL, so it is no post itself.
local POST_BYTES = 64

local function post_of(text)
  if #text <= POST_BYTES then return text end
  return redis.sha1hex(text)
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

-- Reads a record or what is held of a post. Nil when it is neither.
local function read_record(text)
  if type(text) ~= 'string' then return nil end
  local version, kind, letter = string.match(text, '^(%S+) (%S+) ?(%S*)')
  return version and { version = version, kind = kind, letter = letter }
end

-- The longest life of a record, in ms: Redis refuses times whose end it cannot count. 3,000 years.
local LONGEST = 100000000000000

-- Writes records, post -> text, which live for `ttl` ms.
local function write_records(prefix, records, ttl)
  local life = whole(math.max(1, math.min(tonumber(ttl), LONGEST)))
  for post, text in pairs(records) do redis.call('SET', prefix .. post, text, 'PX', life) end
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
    local held = read_record(redis.pcall('HGET', holds, post))
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
