import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS, type Kind } from './kinds.ts';
import { sample } from './sample.ts';
import { validate } from './validate.ts';

const kinds = Object.keys(KINDS) as Kind[];

function problemsOf(document: unknown): string[] {
  const validated = validate(document);
  return validated.kind === 'valid' ? [] : validated.problems.map(({ path, problem }) => `${path} ${problem}`.trim());
}

const rule = (fields: object) => sample('DestinationPolicy', { rules: [{ name: 'r', class: 'Technical', ...fields }] });

describe('a document', () => {
  it.each(kinds)('of kind %s is valid with what is required', (kind) => {
    expect(problemsOf(sample(kind))).toEqual([]);
  });

  it('is typed with defaults filled in', () => {
    expect(validate(sample('SendingDomain'))).toMatchObject({
      kind: 'valid',
      resource: {
        metadata: { name: 'example.com', namespace: 'default', labels: {}, annotations: {} },
        spec: {
          dkim: { algorithms: ['RSA2048', 'Ed25519'], selectorPrefix: 'pf', rotateAfterDays: 180, existingKeys: [] },
          dmarc: { minimumPolicy: 'none' },
          dns: { mode: 'Manual', apex: 'Leave' },
          verification: 'Required',
          suspend: false,
        },
      },
    });
    expect(validate(sample('MTACluster'))).toMatchObject({
      resource: {
        spec: {
          shards: 64,
          namespaces: { from: 'Same' },
          tenants: { skipVerification: { from: 'None' } },
          ingress: { replicas: 2 },
          workers: { replicas: 3, drainSeconds: 600 },
          defaults: { expireAfterSeconds: 259_200, retry: { firstSeconds: 900 }, onInDoubt: 'Retry' },
        },
      },
    });
  });

  it('from the API server is valid with what the server adds', () => {
    const added = {
      uid: '1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ manager: 'kubectl' }],
    };
    const validated = validate({ ...sample('IPPool', {}, added), status: { memberCount: 1 } });
    expect(validated).toMatchObject({
      kind: 'valid',
      resource: { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } },
    });
    expect(validated.kind === 'valid' && Object.keys(validated.resource)).toEqual([
      'apiVersion',
      'kind',
      'metadata',
      'spec',
    ]);
  });

  it.each<[unknown, string[]]>([
    [null, ['must be a resource with apiVersion, kind, metadata and spec']],
    [[], ['must be a resource with apiVersion, kind, metadata and spec']],
    [
      { apiVersion: 'v1', kind: 'IpPol' },
      [
        'apiVersion must be postfleet.io/v1alpha1',
        'kind must be one of MTACluster, IPPool, SendingDomain, DestinationPolicy, SendingCredential, EventSink; did you mean IPPool?',
      ],
    ],
    [{ ...sample('MTACluster'), apiVersion: 'postfleet.io/v1' }, ['apiVersion must be postfleet.io/v1alpha1']],
    [
      { apiVersion: 'postfleet.io/v1alpha1', kind: 'SendingDomain', metadata: {} },
      ['metadata.name is missing: it must be text', 'spec is missing: it must be a group of fields'],
    ],
  ])('%j is told what to write', (document, problems) => {
    expect(problemsOf(document)).toEqual(problems);
  });

  it('never makes validation throw', () => {
    fc.assert(fc.property(fc.anything(), (document) => typeof validate(document).kind === 'string'));
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.jsonValue(), fc.jsonValue(), (kind, metadata, spec) => {
        expect(['valid', 'invalid']).toContain(
          validate({ apiVersion: 'postfleet.io/v1alpha1', kind, metadata, spec }).kind,
        );
      }),
    );
  });
});

const listener = (fields: object) => ({
  ingress: { listeners: [{ name: 'in', protocol: 'SMTP', port: 25, ...fields }] },
});
const member = (fields: object) => ({ members: [{ name: 'one', address: '192.0.2.1', ...fields }] });

const MISTAKES: readonly [why: string, document: unknown, problems: string[]][] = [
  [
    'unknown field',
    sample('MTACluster', listener({ prot: 25 })),
    ['spec.ingress.listeners[0].prot is not a known field; did you mean port?'],
  ],
  [
    'unknown metadata',
    sample('MTACluster', {}, { lables: {} }),
    ['metadata.lables is not a known field; did you mean labels?'],
  ],
  [
    'an address for complaints at another domain',
    sample('SendingDomain', { feedbackAddresses: ['fbl@example.com', 'a@in.example.com', 'fbl@notexample.com'] }),
    ['spec must have feedbackAddresses at its domain, or below it'],
  ],
  [
    'no room for a message',
    sample('MTACluster', { ingress: { limits: { messageBytes: 104_857_600 } } }),
    ['spec.ingress.limits must have receivingBytes of at least 4 times messageBytes'],
  ],
  ['unlike anything', sample('MTACluster', { image: 'x' }), ['spec.image is not a known field']],
  [
    'prototype',
    sample('MTACluster', JSON.parse('{"__proto__":{},"constructor":{}}') as object),
    ['spec.__proto__ is not a known field', 'spec.constructor is not a known field'],
  ],
  [
    'wrong word',
    sample('MTACluster', listener({ protocol: 'smtp' })),
    ['spec.ingress.listeners[0].protocol must be one of SMTP, SMTPS, HTTP, HTTPS'],
  ],
  ['wrong number', sample('IPPool', member({ weight: 1001 })), ['spec.members[0].weight must be at most 1000']],
  ['fraction', sample('MTACluster', { shards: 1.5 }), ['spec.shards must be a whole number']],
  ['number for text', sample('SendingCredential', {}, { name: 12 }), ['metadata.name must be text: put it in quotes']],
  ['empty field', sample('SendingCredential', { networks: null }), ['spec.networks is empty: it must be a list']],
  ['no members', sample('IPPool', { members: [] }), ['spec.members must have at least 1 entry']],
  [
    'dot in a short name',
    sample('IPPool', {}, { name: 'a.b' }),
    ['metadata.name must be lower-case letters, digits and hyphens without a dot, such as main-1'],
  ],
  [
    'long short name',
    sample('MTACluster', {}, { name: 'a'.repeat(41) }),
    ['metadata.name must have at most 40 characters'],
  ],
  [
    'upper-case domain',
    sample('SendingDomain', { domain: 'Example.com' }),
    ['spec.domain must be a domain name in lower-case A-labels without a final dot, such as mail.example.com'],
  ],
  [
    'more workers than shards',
    sample('MTACluster', { shards: 2 }),
    ['spec must have at most as many workers.replicas as shards: a worker without a shard has nothing to do'],
  ],
  [
    'clear HTTP with a certificate',
    sample('MTACluster', listener({ protocol: 'HTTP', tls: {} })),
    ['spec.ingress.listeners[0] must not have tls with protocol HTTP: use HTTPS'],
  ],
  [
    'selector without Selector',
    sample('IPPool', { namespaces: { from: 'All', selector: {} } }),
    ['spec.namespaces must have a selector exactly when from is Selector'],
  ],
  [
    'grant without selector',
    sample('MTACluster', { tenants: { skipVerification: { from: 'Selector' } } }),
    ['spec.tenants.skipVerification must have a selector exactly when from is Selector'],
  ],
  [
    'retry that shrinks',
    sample('MTACluster', { defaults: { retry: { maxSeconds: 60 } } }),
    ['spec.defaults.retry must have a firstSeconds of at most maxSeconds'],
  ],
  [
    'proxy without address',
    sample('IPPool', member({ egress: 'Proxy' })),
    ['spec.members[0] must have proxy exactly when egress is Proxy'],
  ],
  [
    'limits without Custom',
    sample('IPPool', member({ warmup: { startDate: '2026-01-31', dailyLimits: [50] } })),
    ['spec.members[0].warmup must have dailyLimits exactly when plan is Custom'],
  ],
  [
    'day that is not',
    sample('IPPool', member({ warmup: { startDate: '2026-02-31' } })),
    ['spec.members[0].warmup.startDate must be a date of the calendar, such as 2026-01-31, from 2000 on'],
  ],
  [
    'one address twice',
    sample('IPPool', { members: ['a', 'b'].map((name) => ({ name, address: '192.0.2.1' })) }),
    ['spec.members must not use an address twice'],
  ],
  [
    'one name twice',
    sample('IPPool', { members: ['192.0.2.1', '192.0.2.2'].map((address) => ({ name: 'a', address })) }),
    ['spec.members must not use a name twice'],
  ],
  [
    'both sizes of RSA',
    sample('SendingDomain', { dkim: { algorithms: ['RSA2048', 'RSA4096'] } }),
    ['spec.dkim.algorithms must name at most one of RSA2048 and RSA4096'],
  ],
  [
    'no match',
    sample('DestinationPolicy', { match: {} }),
    ['spec.match must have exactly one of provider, domains, mxSuffixes, all'],
  ],
  [
    'two matches',
    sample('DestinationPolicy', { match: { all: {}, domains: ['a.test'] } }),
    ['spec.match must have exactly one of provider, domains, mxSuffixes, all'],
  ],
  ['a rule that says nothing', rule({}), ['spec.rules[0] must have a pattern, or codes, or both']],
  [
    'a rule without a class',
    rule({ codes: ['550'], class: undefined }),
    [
      'spec.rules[0].class is missing: it must be one of Invalid Address, Technical, Content, Reputation, Frequency/Volume, Mailbox Unavailable, Unclassified',
    ],
  ],
  [
    'a regular expression in a rule',
    rule({ pattern: 'user .* unknown' }),
    ['spec.rules[0].pattern is no regular expression: * alone stands for any text'],
  ],
  [
    'an escape in a rule',
    rule({ pattern: String.raw`RL\d+` }),
    [
      'spec.rules[0].pattern must be words, with * for any text between them and | between alternatives, such as "too many * connections | slow down"',
    ],
  ],
  [
    'a code that is none',
    rule({ codes: ['5.7.x'] }),
    ['spec.rules[0].codes[0] must be a reply code or the beginning of an enhanced one, such as 5, 550, 5.7 or 5.7.1'],
  ],
  [
    'a suspension without an end',
    rule({ codes: ['4'], action: 'Suspend' }),
    ['spec.rules[0] must have durationSeconds when its action is Slow or Suspend'],
  ],
  [
    'limits without an action',
    rule({ codes: ['4'], limits: { connections: 1 } }),
    ['spec.rules[0] must have limits exactly when its action is Slow'],
  ],
  [
    'a scope without use',
    rule({ codes: ['4'], action: 'Fail', scope: 'Site' }),
    ['spec.rules[0] must not have a scope unless its action is Slow or Suspend'],
  ],
  [
    'a duration without use',
    rule({ codes: ['4'], durationSeconds: 60 }),
    ['spec.rules[0] must not have durationSeconds unless its action is Slow, Suspend, OtherSource or Retry'],
  ],
  [
    'moment without zone',
    sample('SendingCredential', { expiresAt: '2026-12-31T23:59:59' }),
    ['spec.expiresAt must be a moment with its time zone, such as 2026-12-31T23:59:59Z'],
  ],
  [
    'password in a URL',
    sample('MTACluster', { limits: { redis: { url: 'redis://:secret@redis:6379' } } }),
    ['spec.limits.redis.url must be redis://host:port or rediss://host:port without user, password or path'],
  ],
  [
    'password in the address of a webhook',
    sample('EventSink', { webhook: { url: 'https://user:secret@hooks.example.com/' } }),
    [
      'spec.webhook.url must be https://host with a path, such as https://hooks.example.com/mail, without user or password',
    ],
  ],
  [
    'webhook in clear',
    sample('EventSink', { webhook: { url: 'http://hooks.example.com/' }, types: ['delivered'] }),
    [
      'spec.webhook.url must be https://host with a path, such as https://hooks.example.com/mail, without user or password',
      'spec.types[0] must be one of Queued, Delivered, Deferred, Bounced, Expired, Cancelled, SetAside, Returned, BouncedLater, Complained',
    ],
  ],
  [
    'way out of a folder',
    sample('SendingCredential', { secretRef: { name: 'app', key: '../x' } }),
    ['spec.secretRef.key must be letters, digits, hyphens, underscores and dots, such as password or key.pem'],
  ],
  [
    'two at once',
    sample('MTACluster', { shards: 300, dns: { resolvers: ['x'] } }),
    [
      'spec.shards must be at most 256',
      'spec.dns.resolvers[0] must be the IP address of a resolver, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53',
    ],
  ],
];

describe('a mistake', () => {
  it.each(MISTAKES)('%s', (_, document, problems) => {
    expect(problemsOf(document)).toEqual(problems);
  });

  it('never has its value repeated', () => {
    const told = problemsOf(
      sample('SendingCredential', { secretRef: 'hunter2', scopes: ['hunter2'], expiresAt: 'hunter2' }),
    );
    expect(told).toHaveLength(3);
    expect(told.join('\n')).not.toContain('hunter2');
  });
});
