/**
 * Authority and submissions over a real queue and real suppressions, in a declared world that a test may change.
 */
import type { Resources } from '#crds/source/resources.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { Authority, type AuthorityOptions } from '#mta/accept/authority.ts';
import { Quotas } from '#mta/accept/quota.ts';
import { Submissions, type SubmitterOptions } from '#mta/accept/submit.ts';
import type { Message } from '#mta/mail/message.ts';
import { SqliteSuppressions } from '#mta/settle/ledger/sqlite-suppressions.ts';
import type { openTestStorage } from './queue.ts';

/** What a test has other than everybody: parts of `Submissions`, and of the authority beneath. */
type Over = Partial<SubmitterOptions & Pick<AuthorityOptions, 'verify' | 'hasKey'>>;

export async function openSubmissions(
  openStorage: ReturnType<typeof openTestStorage>,
  resources: () => Resources,
  over: Over = {},
  clock = new FakeClock(Date.UTC(2026, 0, 1)),
) {
  const storage = await openStorage(clock);
  const suppressions = await SqliteSuppressions.open(storage.database, clock);
  const told: Message[] = [];
  const faults: unknown[] = [];
  const { verify = async (_, secret) => secret === 'right', hasKey = () => true, ...others } = over;
  const authority = new Authority({ clock, resources, verify, hasKey });
  const submissions = new Submissions({
    authority,
    queue: storage.queue,
    quotas: new Quotas(),
    suppressions,
    resources,
    clock,
    random: seededRandom(1),
    hostname: 'mail.example.net',
    accepted: (message) => told.push(message),
    troubled: (thrown) => faults.push(thrown),
    ...others,
  });
  return { clock, storage, suppressions, told, faults, authority, submissions };
}
