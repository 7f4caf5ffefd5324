/**
 * What Redis does for shared quotas, as scripts. A quota of one subject and window is a hash: `PART:HOLDER` → recipients.
 */
import type { Script } from '#lib/redis/redis.ts';

/** After its beginning a server is told what was counted before; so long it counts nothing. */
const ROLL_CALL = 2000;

/**
 * keys: when the state began, then a quota each. args: holder, amount; for each quota its limit, length of a part, parts, what the
 * holder has counted. Answers 0, what others have counted of each: counted. 1, which, oldest part: it would be too much. 2: the holder has counted more than is
 * known here. 3: too soon.
 */
export const COUNT: Script = {
  name: 'postfleetCount',
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local began = tonumber(redis.call('GET', KEYS[1]) or '')
if not began or began > now then
  began = now
  redis.call('SET', KEYS[1], string.format('%.0f', now))
end
if now < began + ${ROLL_CALL} then return {3} end
local holder, amount = ARGV[1], tonumber(ARGV[2])
local fields, others = {}, {}
for i = 2, #KEYS do
  local at = 4 * i - 5
  local limit, length, parts, counted = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local current = math.floor(now / length)
  local sum, own, oldest = 0, 0, current
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    local part, of = string.match(all[j], '^(%d+):(.*)$')
    part = tonumber(part)
    if part < current - parts then redis.call('HDEL', KEYS[i], all[j])
    else
      sum, oldest = sum + all[j + 1], math.min(oldest, part)
      if of == holder then own = own + all[j + 1] end
    end
  end
  if own < counted then return {2} end
  if sum + amount > limit then return {1, i - 2, oldest} end
  table.insert(others, sum - own)
  fields[i] = {current .. ':' .. holder, length * (parts + 2)}
end
for i = 2, #KEYS do
  redis.call('HINCRBY', KEYS[i], fields[i][1], amount)
  redis.call('PEXPIRE', KEYS[i], fields[i][2])
end
return {0, unpack(others)}
`,
};

/** keys: a quota. args: part and holder, amount. Nothing is given back of what is not known. */
export const UNCOUNT: Script = {
  name: 'postfleetUncount',
  lua: `
local count = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local back = math.min(count, tonumber(ARGV[2]))
if back > 0 then redis.call('HINCRBY', KEYS[1], ARGV[1], -back) end
return back
`,
};

/** keys: a quota. args: how long it is kept, then parts with their counts. What is known already is never made less. */
export const TELL: Script = {
  name: 'postfleetTell',
  lua: `
for i = 2, #ARGV, 2 do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  if tonumber(ARGV[i + 1]) > known then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`,
};
