/**
 * What somebody asks to be done to mail that is queued or to come, and what came of it. Types only.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { MessageId } from './message.ts';
import type { Reached } from './reached.ts';
import type { Matter, Suspension } from './suspension.ts';

/** Some of what is queued: everything that fits all that is given. */
export interface Chosen extends Matter {
  readonly message?: MessageId | undefined;
}

/** Who asks, as they say themselves; a dry run counts and changes nothing. */
export interface Asking {
  readonly by: string;
  readonly dryRun: boolean;
}

export interface Done {
  readonly dryRun: boolean;
  /** Recipients it was done to; those that wait now, where nothing is moved or in a dry run. */
  readonly recipients: number;
  /** Lanes they wait in. */
  readonly lanes: number;
  /** What was ordered, or what was ended. */
  readonly suspensions?: readonly Suspension[];
  /** Orders that hold some of it still. */
  readonly stillHeldBy?: readonly Suspension[];
  /** A sentence for each part of the queue that gave no answer: there it may have been done, or not. */
  readonly missing?: readonly string[];
}

export type Operated =
  | { readonly kind: 'done'; readonly done: Done }
  | { readonly kind: 'refused'; readonly why: string };

export interface Suspending extends Asking {
  readonly about: Matter;
  readonly why: string;
  readonly until?: Instant;
}

/** What `id` names, or all that is about no more than `about`. */
export interface Resuming extends Asking {
  readonly about: Chosen;
  readonly id?: string;
}

/** What is done once to what is queued. */
export interface Moving extends Asking {
  readonly about: Chosen;
}

export interface Rerouting extends Moving {
  /** Name of the pool. */
  readonly to: string;
}

export interface Bouncing extends Moving {
  readonly why: string;
  /** Whether senders by SMTP are told by mail, as of any failure. */
  readonly report: boolean;
}

/** How much of what was chosen waits. */
export interface Counted {
  readonly lanes: number;
  readonly recipients: number;
}

/** What is done to mail where it waits. */
export type Handling =
  | { readonly kind: 'resume' | 'retry'; readonly about: Chosen }
  | { readonly kind: 'reroute'; readonly about: Chosen; readonly to: string }
  | { readonly kind: 'bounce'; readonly asked: Bouncing };

/**
 * Whoever has mail that waits: one process, or all of them. In steps of a lane or a hundred recipients, so that nobody else waits;
 * doing it again is harmless. What is being sent at that moment is left alone.
 */
export interface Hands {
  count(about: Chosen): Promise<Reached<Counted>>;
  /** To how many recipients it was done; durable when it resolves. */
  carryOut(handling: Handling): Promise<Reached<number>>;
}
