/**
 * Signs a message at the moment it is taken for a transaction, with the keys its domain has then.
 *
 * A message of a domain is never sent unsigned: without a key it waits. Mail of the system itself may have no domain.
 */
import type { SigningKey } from '#lib/dkim/key.ts';
import { signMessage } from '#lib/dkim/sign.ts';
import type { Instant } from '#lib/run/clock.ts';
import { readHeader } from '../mail/header.ts';
import type { Message } from '../mail/message.ts';
import { type Reply, reply } from '../mail/reply.ts';

export type Signed =
  | { readonly kind: 'signed'; readonly signatures: Buffer }
  | { readonly kind: 'unsignable'; readonly reply: Reply };

const NOTHING = Buffer.alloc(0);

export async function sign(message: Message, keys: readonly SigningKey[], now: Instant): Promise<Signed> {
  if (message.domain === '') return { kind: 'signed', signatures: NOTHING };
  if (keys.length === 0) return unsignable(`no DKIM key for ${message.domain}`);
  const reading = readHeader(message.raw, { bytes: message.raw.length + 1, fields: Infinity });
  if (reading.kind !== 'header') return unsignable('the header cannot be read');
  try {
    return { kind: 'signed', signatures: await signMessage(message.raw, reading.header, keys, { now }) };
  } catch {
    // What a key could not do is for the operator; its words may hold more than a log should.
    return unsignable(`a DKIM key of ${message.domain} cannot sign`);
  }
}

const unsignable = (why: string): Signed => ({ kind: 'unsignable', reply: reply(451, '4.7.5', why) });
