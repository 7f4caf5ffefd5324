/**
 * What became of one recipient in one attempt. Every accepted recipient ends in exactly one final outcome,
 * unless it is cancelled before.
 *
 * `later` is the only one that is not final. Whether a reply means `later` or `bounced` is decided in `settle/` alone.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Reply } from './reply.ts';

export type Outcome =
  | { readonly kind: 'delivered'; readonly reply: Reply }
  | { readonly kind: 'bounced'; readonly reply: Reply }
  | { readonly kind: 'expired'; readonly reply: Reply }
  | {
      readonly kind: 'later';
      readonly reply: Reply;
      readonly due: Instant;
      /** It was no attempt at the mail: the count stays. */
      readonly uncounted?: true;
      /** The address it should leave from again: who greylists knows it. */
      readonly from?: string;
      /** Not given again until somebody says so (`Queue.move`). */
      readonly held?: true;
    };
