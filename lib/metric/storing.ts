/**
 * Metrics of the queue, the disk under it, and what is declared. Data only.
 */
import type { Declaration } from './declaration.ts';

export const storingCounters = {
  storageFaults: {
    name: 'postfleet_storage_faults_total',
    help: 'Writes to the queue that failed, by fault code.',
    unit: 'writes',
    labels: {
      code: {
        values: {
          'storage-full': 'no room on the disk',
          'storage-failed': 'the disk or the file refuses',
          'storage-closed': 'asked after the end',
          'record-unreadable': 'a message in the queue is damaged',
          'lease-void': 'a lease ended before its message was sent',
          other: 'everything else: the log has it',
        },
      },
    },
    alert: {
      name: 'PostfleetStorageFails',
      when: 'increase(postfleet_storage_faults_total[5m]) > 0',
      lasts: '0m',
      severity: 'page',
      why: 'Nothing is lost: mail that cannot be stored is not taken, and outcomes are written again until it works. Until then nothing goes in or out. Make room, or look at the disk.',
    },
  },
  setAside: {
    name: 'postfleet_set_aside_total',
    help: 'Recipients set aside because their message was in hand whenever the process died.',
    unit: 'recipients',
    alert: {
      name: 'PostfleetSetAside',
      when: 'increase(postfleet_set_aside_total[15m]) > 0',
      lasts: '0m',
      severity: 'ticket',
      why: 'The process died three times with these messages in hand, and one of them may be why. They wait for a person: the events of type `set-aside` name them. Keep the log of the crashes, then let them go one by one with `postfleet resume --message`.',
    },
  },
  logLinesLost: {
    name: 'postfleet_log_lines_lost_total',
    help: 'Log lines that could not be written, or waited too long for somebody to read them.',
    unit: 'lines',
    alert: {
      name: 'PostfleetLosesLogLines',
      when: 'increase(postfleet_log_lines_lost_total[15m]) > 0',
      lasts: '0m',
      severity: 'ticket',
      why: 'Whoever reads the log is too slow, or its disk is full. Mail goes on, and events are still kept with messages (`postfleet trace`).',
    },
  },
} as const satisfies Record<string, Declaration>;

export const storingHistograms = {
  commitSeconds: {
    name: 'postfleet_commit_seconds',
    help: 'One commit of the queue, from the writes that share it to the word that the disk has them.',
    unit: 'seconds',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2],
    alert: {
      name: 'PostfleetDiskSlow',
      when: 'histogram_quantile(0.99, sum by (le) (rate(postfleet_commit_seconds_bucket[10m]))) > 0.5',
      lasts: '10m',
      severity: 'ticket',
      why: 'One commit in a hundred takes half a second; every message waits for two of them. An SSD takes milliseconds. Some other program uses the disk, or it is failing.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const storingGauges = {
  shardsHeld: {
    name: 'postfleet_shards_held',
    help: 'Shards of the queue that this worker sends from; all workers together hold `spec.shards` of the MTACluster.',
    unit: 'shards',
    alert: {
      none: 'How many there should be is declared, not measured; mail of a shard that nobody holds shows as mail that waits.',
    },
  },
  queueDepth: {
    name: 'postfleet_queue_depth',
    help: 'Recipients that are queued and have not ended.',
    unit: 'recipients',
    alert: {
      none: 'A large queue is no trouble in itself: how long mail waits is (`postfleet_queue_oldest_due_seconds`).',
    },
  },
  queueOldestDue: {
    name: 'postfleet_queue_oldest_due_seconds',
    help: 'For how long the mail that waits longest has been due and was not tried; 0 when none is.',
    unit: 'seconds',
    alert: {
      name: 'PostfleetMailWaits',
      when: 'postfleet_queue_oldest_due_seconds > 3600',
      lasts: '10m',
      severity: 'ticket',
      why: 'Some mail could have been tried an hour ago: its site rests or is limited, its pool has no usable address, or there is too much of it. `/v1/queue` of the admin API says what each site waits for.',
    },
  },
  leasedBytes: {
    name: 'postfleet_leased_bytes',
    help: 'Bytes of messages that connections to receivers hold.',
    unit: 'bytes',
    alert: { none: 'It is bounded at 256 MB; at the bound large mail waits for other large mail.' },
  },
  ledgerBehind: {
    name: 'postfleet_ledger_behind',
    help: 'Records that the ledger on NATS had a minute ago, and that this process does not know or nobody has copied.',
    unit: 'records',
    labels: {
      what: {
        values: {
          facts: 'suppressions, orders, notes, counts',
          returned: 'mail that came back',
          events: 'what happened to mail, in the queue and not yet where a trace finds it fast',
        },
      },
    },
    alert: {
      name: 'PostfleetLedgerBehind',
      when: 'postfleet_ledger_behind{what=~"facts|returned"} > 0 or postfleet_ledger_behind{what="events"} > 100000',
      lasts: '5m',
      severity: 'ticket',
      why: 'This process sends by suppressions and orders that are minutes old, or traces take seconds. NATS is away or slow, or a stream is full: the log says which. Nothing is lost.',
    },
  },
  ledgerDiffers: {
    name: 'postfleet_ledger_differs',
    help: 'Suppressions, orders, notes and records of orders that this process knows otherwise than their stream has them.',
    unit: 'facts',
    alert: {
      name: 'PostfleetLedgerDiffers',
      when: 'postfleet_ledger_differs > 0',
      lasts: '0m',
      severity: 'ticket',
      why: 'What a process knows is made of the stream, so this is a fault of ours, or the stream was replaced while it ran. Start the process again: it reads all of it anew. Then tell us.',
    },
  },
  diskFree: {
    name: 'postfleet_disk_free_bytes',
    help: "Room for the queue, its file's own included.",
    unit: 'bytes',
    alert: {
      name: 'PostfleetDiskFillsUp',
      when: 'postfleet_disk_free_bytes < 2 * postfleet_disk_reserve_bytes',
      lasts: '5m',
      severity: 'page',
      why: 'At the reserve itself new mail is put off with 452; at twice as much there is still time to make room.',
    },
  },
  diskReserve: {
    name: 'postfleet_disk_reserve_bytes',
    help: 'Below so much room new mail is put off.',
    unit: 'bytes',
    alert: { none: 'It is what the resources say (`spec.queue.reserve`).' },
  },
  resourceProblems: {
    name: 'postfleet_resource_problems',
    help: 'Problems in the resources as they are now; above 0 the last good state is in use.',
    unit: 'problems',
    alert: {
      name: 'PostfleetResourcesRefused',
      when: 'postfleet_resource_problems > 0',
      lasts: '5m',
      severity: 'ticket',
      why: 'A change was not taken over: the log names file, line and field. Five minutes let somebody finish editing.',
    },
  },
  domains: {
    name: 'postfleet_domains',
    help: 'Sending domains by how they stand.',
    unit: 'domains',
    labels: {
      standing: {
        values: {
          verified: 'proven in DNS',
          unverified: 'not proven: it may not send',
          excused: 'it sends without proof, as declared',
          'claimed-by-another': 'another namespace has proven it',
        },
      },
    },
    alert: {
      name: 'PostfleetDomainLost',
      when: 'delta(postfleet_domains{standing="verified"}[1h]) < 0 and delta(postfleet_domains{standing="unverified"}[1h]) > 0',
      lasts: '5m',
      severity: 'ticket',
      why: 'A domain that could send has lost its records in DNS. `postfleet domain` says which record differs.',
    },
  },
} as const satisfies Record<string, Declaration>;
