/**
 * What Redis does for shared limits, as scripts: each runs whole, on the server's own clock, whoever calls.
 *
 * The state that a server has may be younger than the limits: it was started empty, a replica took over that had not heard
 * of the last second, its clock differs, nobody could reach it for a while. Then `began` is now, and until enough time has
 * passed nothing is granted that might have been granted before:
 *
 * - a rate goes on as if at `began` its burst had been used up;
 * - budgets and connections are granted once everybody has had `roll` milliseconds to say what they know and hold.
 *
 * Milliseconds throughout. Replies carry fractions as text, because a script's numbers are cut to integers.
 */
import type { Script } from '#lib/redis/redis.ts';

const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local text = function(number) return string.format('%.3f', number) end
`;

/** When the state began; a database that was emptied under our feet begins now. */
const BEGAN = (key: string): string => `
local began = tonumber(redis.call('HGET', ${key}, 'began') or '')
if not began then
  began = now
  redis.call('HSET', ${key}, 'began', text(now), 'beat', text(now))
end
`;

/**
 * A holder says that it lives.
 *
 * keys: server, holders, wanted. args: holder, lease. Answers: state (a name of this beginning), whether the holder was
 * thought dead, how many live, names that somebody waits for.
 */
export const BEAT: Script = {
  name: 'postfleetBeat',
  lua: `${NOW}
local lease = tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'run', 'began', 'beat')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local began, beat = tonumber(known[2] or ''), tonumber(known[3] or '')
if known[1] ~= run or not began or not beat or now - beat > lease or now < beat - 1000 then
  began = now
  redis.call('HSET', KEYS[1], 'run', run, 'began', text(began))
end
redis.call('HSET', KEYS[1], 'beat', text(now))
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
local dead = (not score or tonumber(score) <= now) and 1 or 0
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))
redis.call('ZADD', KEYS[2], text(now + lease), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - 3000))
local wanted = redis.call('ZRANGE', KEYS[3], 0, 199)
return {run .. text(began), dead, redis.call('ZCARD', KEYS[2]), wanted}
`,
};

/** keys: holders. args: holder. It has given everything back. */
export const LEAVE: Script = { name: 'postfleetLeave', lua: `return redis.call('ZREM', KEYS[1], ARGV[1])` };

/**
 * Takes some of a rate: turns that follow one another at its pace, the first perhaps in the future.
 *
 * keys: rate, server. args: holder, pace, ahead, look (how far in the future a turn may be), want, recent. Answers: how many, when the
 * first may be used from now on, when it is worth asking again, how many holders asked within `recent`, the place of
 * this one among them, until when everything granted is used up. One number is the state, as in `mta/mail/gcra.ts`;
 * what cannot come of a lawful past (a clock set back, a rate that was slower) is cut to what can.
 */
export const TAKE: Script = {
  name: 'postfleetTake',
  lua: `${NOW}${BEGAN('KEYS[2]')}
local pace, ahead, look = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local want, recent = tonumber(ARGV[5]), tonumber(ARGV[6])
local used, holders, place = 0, {}, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'used' then used = tonumber(fields[i + 1])
  elseif tonumber(fields[i + 1]) < now - recent then redis.call('HDEL', KEYS[1], fields[i])
  elseif fields[i] ~= ARGV[1] then table.insert(holders, fields[i]) end
end
for _, it in ipairs(holders) do if it < ARGV[1] then place = place + 1 end end
used = math.min(math.max(used, began + ahead + pace), now + look + ahead + pace)
local from = math.max(used, now)
local room = 0
if from <= now + ahead + look then room = math.floor((now + ahead + look - from) / pace + 1e-6) + 1 end
local granted = math.min(room, want)
if granted > 0 then used = from + granted * pace end
redis.call('HSET', KEYS[1], 'used', text(used), ARGV[1], text(now))
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(used - now, 0) + recent))
return {granted, text(from - ahead - now), text(math.max(used - ahead - look - now, 0)), #holders + 1, place, text(used - now)}
`,
};

/**
 * Gives back what was taken of a rate and not used.
 *
 * keys: rate. args: pace, count, age. What was earned while it was held is not earned twice.
 */
export const GIVE: Script = {
  name: 'postfleetGive',
  lua: `
local used = tonumber(redis.call('HGET', KEYS[1], 'used') or '')
if not used then return 0 end
local back = math.max(ARGV[2] * ARGV[1] - ARGV[3], 0)
redis.call('HSET', KEYS[1], 'used', string.format('%.3f', used - back))
return 1
`,
};

/**
 * Takes some of a budget.
 *
 * keys: budget, server, holders. args: limit, want, known (what was spent as far as the caller knows), roll, keep, share (parts of what
 * is left that may be taken ahead, for each holder). Answers: how many, how much is spent, when it is worth asking again.
 */
export const SPEND: Script = {
  name: 'postfleetSpend',
  lua: `${NOW}${BEGAN('KEYS[2]')}
local limit, want, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local roll, keep, share = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = began + roll - now
if left > 0 then
  if known > spent then
    spent = known
    redis.call('SET', KEYS[1], spent, 'PX', keep)
  end
  return {0, spent, text(left)}
end
local ahead = math.floor((limit - spent) / (share * math.max(redis.call('ZCARD', KEYS[3]), 1)))
if want > 0 then want = math.max(want, ahead) end
local granted = math.max(math.min(limit - spent, want), 0)
spent = spent + granted
if granted > 0 then redis.call('SET', KEYS[1], spent, 'PX', keep) end
return {granted, spent, '0'}
`,
};

/** Gives back what was taken of a budget. keys: budget. args: count. Answers how much is spent. */
export const UNSPEND: Script = {
  name: 'postfleetUnspend',
  lua: `
local spent = tonumber(redis.call('GET', KEYS[1]) or '')
if not spent then return 0 end
spent = math.max(spent - ARGV[1], 0)
redis.call('SET', KEYS[1], spent, 'KEEPTTL')
return spent
`,
};

/**
 * Says how many connections a holder wants in all under each of some names, and holds already.
 *
 * keys: server, holders, wanted, names. args: holder, roll, lease, patience, and for each name want, held, most, the name. Answers for
 * each name: how many it holds now, the fair share, whether somebody with less waits, when it is worth asking again. What is
 * held stays held; what dead holders held is free; who has its share does not take from under the eyes of who waits for less.
 */
export const HOLD: Script = {
  name: 'postfleetHold',
  lua: `${NOW}${BEGAN('KEYS[1]')}
local me, roll, lease, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZADD', KEYS[2], text(now + lease), me)
local alive = {}
local lives = function(holder)
  if alive[holder] == nil then alive[holder] = tonumber(redis.call('ZSCORE', KEYS[2], holder) or '0') > now end
  return alive[holder]
end
local hold = function(key, want, held, most, called)
  local others, sum, waiter, waits = 0, 0, false, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local name, value = fields[i], tonumber(fields[i + 1])
    if name == 'waits' then waits = value
    elseif string.sub(name, 1, 7) == 'waiter:' then waiter = string.sub(name, 8)
    elseif name ~= me then
      if lives(name) then others, sum = others + 1, sum + value
      else redis.call('HDEL', key, name) end
    end
  end
  local forget = function()
    redis.call('HDEL', key, 'waiter:' .. waiter, 'waits')
    redis.call('ZREM', KEYS[3], called)
    waiter = false
  end
  if waiter and (waits < now - patience or (waiter == me and want <= held)) then forget() end
  local without = waiter and waiter ~= me and redis.call('HEXISTS', key, waiter) == 0
  local fair = math.max(math.floor(most / (others + 1 + (without and 1 or 0))), 1)
  local wait = 0
  local granted = math.min(want, held)
  if want > held then
    granted = held
    local left = began + roll - now
    if left > 0 then wait = left
    elseif not waiter or waiter == me or held < fair then granted = math.max(math.min(want, most - sum), held) end
    if granted < want then
      wait = math.max(wait, patience / 6)
      if left <= 0 and held < fair and (not waiter or waiter == me) then
        waiter = me
        redis.call('HSET', key, 'waiter:' .. me, '0', 'waits', text(now))
        redis.call('ZADD', KEYS[3], text(now), called)
      end
    elseif waiter == me then forget() end
  end
  if granted > 0 then redis.call('HSET', key, me, granted) else redis.call('HDEL', key, me) end
  redis.call('PEXPIRE', key, 30 * lease)
  return granted, fair, (waiter and waiter ~= me) and 1 or 0, text(wait)
end
local answers = {}
for i = 4, #KEYS do
  local at = 4 * i - 11
  local granted, fair, awaited, wait = hold(KEYS[i], tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3])
  for _, it in ipairs({granted, fair, awaited, wait}) do table.insert(answers, it) end
end
return answers
`,
};
