/**
 * What the record must say at the end of a run, when everything has ended: of each recipient one story, with one end.
 */
import type { EventType, MailEvent } from '#mta/mail/event.ts';
import type { Disk } from './disk.ts';
import type { Judge } from './judge.ts';

export const ENDS: ReadonlySet<EventType> = new Set<EventType>(['delivered', 'bounced', 'expired', 'cancelled']);
const FAILED: ReadonlySet<EventType> = new Set<EventType>(['bounced', 'expired']);

/** Events of attempts that count have a number each. */
const isCounted = ({ type }: MailEvent): boolean => type === 'delivered' || type === 'bounced' || type === 'expired';

/** Everything that was accepted has ended once, and what failed was reported. */
export function checkLedger(disk: Disk, judge: Judge): void {
  const events = disk.ask('SELECT event FROM event ORDER BY message, seq');
  const all = events.map((row) => JSON.parse(String(row['event'])) as MailEvent);
  const stories = Map.groupBy(all, (it) => `${it.message} ${it.index}`);
  for (const story of stories.values()) checkStory(story, judge);
  for (const { message, accepted } of judge.offered.values()) {
    if (!accepted) continue;
    for (const index of message.recipients.keys())
      if (!stories.has(`${message.id} ${index}`))
        judge.violate(`${message.recipients[index]} was accepted and is lost`);
  }
  checkReports(all, judge);
}

function checkStory(story: readonly MailEvent[], judge: Judge): void {
  const [first] = story;
  const ends = story.filter((it) => ENDS.has(it.type));
  const who = first?.recipient ?? '';
  const told = story.map((it) => `${it.type} ${it.attempt}`).join(', ');
  if (first?.type !== 'queued') judge.violate(`the story of ${who} does not begin: ${told}`);
  if (ends.length !== 1) judge.violate(`${who} has ended ${ends.length} times: ${told}`);
  else if (!ENDS.has(story.at(-1)?.type ?? 'queued'))
    judge.violate(`the story of ${who} goes on after its end: ${told}`);
  let attempts = 0;
  for (const it of story) {
    if (it.attempt < attempts) judge.violate(`attempts at ${who} are counted back: ${told}`);
    if (isCounted(it) && it.attempt > attempts + 1) judge.violate(`an attempt at ${who} is missing: ${told}`);
    attempts = Math.max(attempts, it.attempt);
  }
}

/** Who handed failed mail in by SMTP was sent a report: senders have an address for each message. */
function checkReports(all: readonly MailEvent[], judge: Judge): void {
  const queued = new Set(all.filter((it) => it.type === 'queued').map((it) => it.recipient));
  for (const it of all) {
    const isOwed = FAILED.has(it.type) && judge.offered.get(it.message)?.message.via === 'smtp';
    if (isOwed && !queued.has(it.sender))
      judge.violate(`${it.sender} was not told that ${it.recipient} was ${it.type}`);
  }
}
