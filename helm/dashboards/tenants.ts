/**
 * Tenants: whose mail comes in, what becomes of it, and who of them is judged badly. Data only.
 */
import { acceptingCounters } from '#lib/metric/accepting.ts';
import { sendingCounters } from '#lib/metric/sending.ts';
import type { Dashboard } from './dashboard.ts';
import { perSecond, shareOf } from './promql.ts';

const { acceptedByTenant } = acceptingCounters;
const { attemptsByTenant } = sendingCounters;

const legend = '{{tenant}}';
const share = (outcome: string): string =>
  shareOf(perSecond(attemptsByTenant, ['tenant'], { outcome }), perSecond(attemptsByTenant, ['tenant']));

export const tenants: Dashboard = {
  uid: 'postfleet-tenants',
  title: 'Postfleet: tenants',
  description: 'Whose mail comes in, what becomes of it, and who is judged badly. A tenant is a namespace.',
  chosenBy: [acceptedByTenant.name, attemptsByTenant.name],
  rows: [
    {
      title: 'How much',
      panels: [
        {
          title: 'Accepted, by tenant',
          description: 'Recipients of messages that are durably queued.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(acceptedByTenant, ['tenant']), legend }],
        },
        {
          title: 'Delivered, by tenant',
          description:
            'Recipients that receivers have taken over. What one tenant sends takes nothing from the others.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(attemptsByTenant, ['tenant'], { outcome: 'delivered' }), legend }],
        },
      ],
    },
    {
      title: 'How it is taken',
      panels: [
        {
          title: 'Share bounced, by tenant',
          description: 'Above a twentieth a list is old or bought, and receivers come to judge the addresses by it.',
          unit: 'percentunit',
          queries: [{ expr: share('bounced'), legend }],
        },
        {
          title: 'Share deferred, by tenant',
          description:
            'Far above that of others who send to the same providers: receivers dislike what this one sends.',
          unit: 'percentunit',
          queries: [{ expr: share('deferred'), legend }],
        },
      ],
    },
  ],
};
