import { describe, expect, it } from 'vitest';
import { type Reply, reply } from '#mta/mail/reply.ts';
import { type StagePartner, codes, greeted } from './stage-partner.ts';

const REFUSED = reply(550, '5.7.1', 'is suppressed');

/** Takes its time over `slow-` recipients, and refuses those with `bad` in their name. */
function rcpt(_identity: unknown, _sender: string, to: string): Reply | undefined | Promise<Reply | undefined> {
  const word = to.includes('bad') ? REFUSED : undefined;
  if (to.includes('broken')) return Promise.reject(new Error('no disk'));
  return to.startsWith('slow-') ? Promise.resolve(word) : word;
}

const open = (options: object = {}): Promise<StagePartner> => greeted({ policy: { rcpt }, ...options });
const MAIL = 'MAIL FROM:<a@b.example>\r\n';
const to = (...names: readonly string[]): string => names.map((name) => `RCPT TO:<${name}@c.example>\r\n`).join('');

describe('a recipient whom the policy takes its time over', () => {
  it('is answered in its turn, and only who was not refused is in the envelope', async () => {
    const partner = await open();
    const said = await partner.send(`${MAIL}${to('slow-one', 'bad', 'two', 'slow-bad', 'slow-three')}DATA\r\n`);
    expect(codes(said)).toEqual([250, 250, 550, 250, 550, 250, 354]);
    await partner.send('A: b\r\n\r\n.\r\n');
    expect(partner.accepted[0]?.envelope.recipients).toEqual([
      'slow-one@c.example',
      'two@c.example',
      'slow-three@c.example',
    ]);
  });

  it('keeps what it asks about reports', async () => {
    const partner = await open();
    await partner.send(`${MAIL}${to('one')}RCPT TO:<slow-two@c.example> NOTIFY=NEVER\r\nDATA\r\n`);
    await partner.send('A: b\r\n\r\n.\r\n');
    expect(partner.accepted[0]?.envelope.dsn).toEqual({ recipients: [{}, { notify: ['NEVER'] }] });
  });

  it('is one to try again when nobody can tell', async () => {
    const failed: unknown[] = [];
    const partner = await open({ observer: { failed: (_: string, error: unknown) => failed.push(error) } });
    expect(codes(await partner.send(`${MAIL}${to('broken', 'one')}`))).toEqual([250, 451, 250]);
    expect(failed).toHaveLength(1);
  });

  it('is no mistake of a known sender, and guessing of a stranger', async () => {
    const bad = `${MAIL}${to(...Array.from({ length: 50 }, () => 'slow-bad'))}`;
    const known = await open({ trusted: 'network' });
    await known.send(bad);
    const stranger = await open();
    await stranger.send(bad);
    expect([known.isClosed, stranger.isClosed]).toEqual([false, true]);
  });

  it('leaves no transaction when all were refused', async () => {
    const partner = await open();
    expect(codes(await partner.send(`${MAIL}${to('slow-bad')}DATA\r\n`))).toEqual([250, 550, 554]);
  });

  it('is answered before the last word of a server that stops', async () => {
    const partner = await open();
    partner.conversation.receive(Buffer.from(`${MAIL}${to('slow-one')}RSET\r\n`));
    partner.conversation.drain();
    expect(codes(await partner.heard())).toEqual([250, 250, 250, 421]);
  });

  it('matters no more when the peer has gone', async () => {
    const partner = await open();
    partner.conversation.receive(Buffer.from(`${MAIL}${to('slow-one')}`));
    partner.conversation.abandon();
    await Promise.resolve();
    expect(codes(await partner.heard())).toEqual([250]);
  });
});
