/**
 * Metrics of limits that processes share. Data only; there are none where limits are counted in the process.
 */
import type { Declaration } from './declaration.ts';

export const limitingGauges = {
  limitsReachable: {
    name: 'postfleet_limits_reachable',
    help: 'Whether the Redis that limits are shared through answers: 1, or 0.',
    unit: 'yes or no',
    alert: {
      name: 'PostfleetLimitsAway',
      when: 'postfleet_limits_reachable == 0',
      lasts: '5m',
      severity: 'ticket',
      why: 'Rates go on at about half of what is declared, warm-up at what was taken ahead, and mail may wait for it. Nothing is lost; a restart of Redis takes seconds, so that five minutes are more than one. The log says what it answered last.',
    },
  },
  limitsBlocks: {
    name: 'postfleet_limits_blocks',
    help: 'Rates and budgets of which this process has something at hand.',
    unit: 'names',
    alert: { none: 'As many as are sent to now, and those of the last second.' },
  },
  limitsLocalShare: {
    name: 'postfleet_limits_local_share',
    help: "Rates that go at this process's own share, because Redis is away.",
    unit: 'names',
    alert: { none: '`postfleet_limits_reachable` says it sooner.' },
  },
} as const satisfies Record<string, Declaration>;
