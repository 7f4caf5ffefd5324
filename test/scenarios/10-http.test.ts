/**
 * Mail by HTTP, with a real server: in by JSON or as it is, out signed to the receiver, and told of afterwards.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyDkim } from '#lib/dkim/verify.ts';
import { systemClock } from '#lib/run/clock.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { publishedBy } from '../harness/published.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();
let mta: Postfleet;

beforeAll(async () => {
  mta = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone'));
});

interface Said {
  readonly id: string;
  readonly recipients: readonly { readonly id: string; readonly address: string; readonly state?: string }[];
}

interface Asking {
  readonly method?: string;
  readonly body?: string;
  readonly type?: string;
}

async function ask(
  path: string,
  { type = 'application/json', ...init }: Asking = {},
): Promise<{ status: number; said: Said }> {
  const token = readFileSync(join(mta.data, 'secrets', mta.username, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': type };
  const response = await fetch(`http://127.0.0.1:${mta.ports.api}${path}`, { ...init, headers });
  return { status: response.status, said: (await response.json()) as Said };
}

const MESSAGE = {
  from: { address: 'hello@example.com', name: 'Ann, of Säles' },
  to: [{ address: 'b@demo.test' }],
  subject: 'Grüße',
  text: 'It wörks.\nSecond line.',
  html: '<p>It wörks.</p><img src="cid:pic">',
  attachments: [
    { filename: 'résumé.pdf', contentType: 'application/pdf', content: 'aGVsbG8K' },
    { filename: 'pic.png', contentType: 'image/png', content: 'aGVsbG8K', contentId: 'pic' },
  ],
};

async function received(id: string): Promise<Buffer> {
  const { reply } = await mta.event('delivered', id);
  const [, file = ''] = /received as (\S+)/.exec(reply) ?? [];
  return readFileSync(join(mta.data, 'received', `${file}.eml`));
}

describe('a message handed in by HTTP', () => {
  test('arrives signed, whatever is in it, and its copy in secret does not show', async () => {
    const message = { ...MESSAGE, bcc: [{ address: 'secret@demo.test' }] };
    const { status, said } = await ask('/v1/messages', { method: 'POST', body: JSON.stringify(message) });
    expect(status).toBe(202);
    const raw = await received(said.id);
    const verdicts = await verifyDkim(raw, publishedBy(mta.data), systemClock.now());
    expect(verdicts.map((it) => it.result)).toEqual(['pass', 'pass']);
    expect(raw.toString()).not.toContain('secret@demo.test');
  });

  test('arrives as it is when it is handed in as it is', async () => {
    const body = 'From: hello@example.com\r\nSubject: raw\r\n\r\n.dot\r\n';
    const { status, said } = await ask('/v1/messages?to=c@demo.test', { method: 'POST', body, type: 'message/rfc822' });
    expect(status).toBe(202);
    expect((await received(said.id)).toString()).toContain(body);
  });

  test('is told of: where each recipient stands', async () => {
    const { said } = await ask('/v1/messages', { method: 'POST', body: JSON.stringify(MESSAGE) });
    await mta.event('delivered', said.id);
    const { said: shown } = await ask(`/v1/messages/${said.id}`);
    expect(shown.recipients).toEqual([{ id: `${said.id}-0`, address: 'b@demo.test', state: 'delivered' }]);
  });

  test('is counted with all mail, by the way it came', async () => {
    expect(await mta.metric('postfleet_accepted_total', 'via="http"')).toBeGreaterThan(2);
  });
});
