/**
 * What every adapter of the port does, whomever it asks: to be called by the adapter's own tests.
 */
import { describe, expect, test } from 'vitest';
import { a, aaaa, cname, mx, NXDOMAIN, SERVFAIL, soa, txt, type Zone } from './fake-name-server.ts';
import type { Resolver } from './resolver.ts';

/** `resolverFor` gives a resolver that knows what `zone` says of names in `example.net`. */
export function resolverContract(adapter: string, resolverFor: (zone: Zone) => Promise<Resolver>): void {
  describe(`${adapter} as a resolver`, () => {
    test('gives MX records in lower case', async () => {
      const resolver = await resolverFor(({ name }) => ({
        aa: true,
        answers: [mx(name, 10, 'MX1.Example.net'), mx(name, 20, 'mx2.example.net')],
      }));
      expect(await resolver.mx('example.net')).toEqual({
        kind: 'found',
        records: expect.arrayContaining([
          { preference: 10, exchange: 'mx1.example.net' },
          { preference: 20, exchange: 'mx2.example.net' },
        ]),
      });
    });

    test('takes a name in capitals, and with a final dot', async () => {
      const resolver = await resolverFor(({ name }) => ({ aa: true, answers: [txt(name, 'here')] }));
      expect(await resolver.txt('Key.Example.NET.')).toEqual({ kind: 'found', texts: ['here'] });
    });

    test('gives a null MX as the empty name', async () => {
      const resolver = await resolverFor(({ name }) => ({ aa: true, answers: [mx(name, 0, '.')] }));
      expect(await resolver.mx('example.net')).toEqual({ kind: 'found', records: [{ preference: 0, exchange: '' }] });
    });

    test('joins the strings of a TXT record, and keeps records apart', async () => {
      const resolver = await resolverFor(({ name }) => ({
        aa: true,
        answers: [txt(name, ['v=DKIM1; p=', 'abc']), txt(name, 'v=spf1 -all')],
      }));
      const answer = await resolver.txt('example.net');
      expect(answer.kind === 'found' && answer.texts.toSorted()).toEqual(['v=DKIM1; p=abc', 'v=spf1 -all']);
    });

    test('gives what a name is an alias of, in lower case', async () => {
      const resolver = await resolverFor(({ name }) => ({ aa: true, answers: [cname(name, 'Track.Example.org')] }));
      expect(await resolver.cname('click.example.net')).toEqual({ kind: 'found', names: ['track.example.org'] });
    });

    test('gives the addresses of both families', async () => {
      const resolver = await resolverFor(({ name, type }) => ({
        aa: true,
        answers: type === 'A' ? [a(name, '8.8.8.8')] : [aaaa(name, '2001:4860:4860::8888')],
      }));
      expect(await resolver.addresses('mx.example.net')).toEqual({
        kind: 'found',
        addresses: ['8.8.8.8', '2001:4860:4860::8888'],
      });
    });

    test('gives the addresses of one family when the other cannot be asked', async () => {
      const resolver = await resolverFor(({ name, type }) =>
        type === 'A' ? { aa: true, answers: [a(name, '8.8.8.8')] } : { rcode: SERVFAIL },
      );
      expect(await resolver.addresses('mx.example.net')).toEqual({ kind: 'found', addresses: ['8.8.8.8'] });
    });

    test.each([
      ['no records', {}, 'none'],
      ['NXDOMAIN', { rcode: NXDOMAIN }, 'no-such-name'],
      ['SERVFAIL', { rcode: SERVFAIL }, 'temporary'],
      ['REFUSED', { rcode: 5 }, 'temporary'],
    ])('tells %s for every question', async (_, said, kind) => {
      const resolver = await resolverFor(() => ({ aa: true, ...said, authorities: [soa('example.net', 60)] }));
      expect(await resolver.mx('example.net')).toMatchObject({ kind });
      expect(await resolver.addresses('mx.example.net')).toMatchObject({ kind });
      expect(await resolver.txt('example.net')).toMatchObject({ kind });
      expect(await resolver.cname('www.example.net')).toMatchObject({ kind });
    });

    test.each(['a..b', `${'x'.repeat(64)}.example.net`, '', '.', 'a b.example.net', 'ü.example.net'])(
      'answers for the impossible name %j',
      async (name) => {
        const resolver = await resolverFor(() => ({ aa: true, rcode: NXDOMAIN }));
        expect(await resolver.addresses(name)).toEqual({ kind: 'no-such-name' });
      },
    );
  });
}
