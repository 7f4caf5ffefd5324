/**
 * What every `ResourceSource` promises, as tests. An adapter's own test calls this with a way to change its world.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { sample } from '../sample.ts';
import type { ResourceSource } from './source.ts';

/** A world that a test can change. */
export interface World {
  readonly source: ResourceSource;
  /** Replaces the whole world. Resolves when it is written, not when it is seen. */
  readonly declare: (documents: readonly object[]) => Promise<void>;
  /** Lets the source look until `isSeen` holds; fails the test if it never does. */
  readonly until: (isSeen: () => boolean) => Promise<void>;
  /** Lets the source look several times. */
  readonly look: () => Promise<void>;
}

export const SMALL_WORLD = [sample('MTACluster'), sample('IPPool'), sample('SendingDomain')];
const withSecondDomain = [...SMALL_WORLD, sample('SendingDomain', { domain: 'b.example' }, { name: 'second' })];
const withBadDomain = [...SMALL_WORLD, sample('SendingDomain', { domain: 'B.EXAMPLE' }, { name: 'second' })];

export function describeResourceSource(name: string, open: (documents: readonly object[]) => Promise<World>): void {
  const start = async (
    documents: readonly object[] = SMALL_WORLD,
  ): Promise<World & { readonly told: () => number }> => {
    const world = await open(documents);
    onTestFinished(() => world.source.close());
    let told = 0;
    world.source.onChange(() => (told += 1));
    return { ...world, told: () => told };
  };

  describe(`${name} as a source of resources`, () => {
    it('gives the whole world at once, with defaults and by name', async () => {
      const { source } = await start();
      const resources = source.current();
      expect(resources.clusters.map(({ metadata }) => metadata.name)).toEqual(['local']);
      expect(resources.pools[0]?.spec.members[0]).toMatchObject({ weight: 100, egress: 'Node' });
      expect(resources.claimsTo('example.com')).toEqual([resources.domain('default/example.com')]);
      expect(resources.pool('default/main')).toBe(resources.pools[0]);
      expect(resources.pool('default/other')).toBeUndefined();
      expect(source.problems()).toEqual([]);
    });

    it('tells of a change, and leaves the earlier world as it was', async () => {
      const { source, declare, until, told } = await start();
      const before = source.current();
      await declare(withSecondDomain);
      await until(() => told() > 0);
      expect(source.current().claimsTo('b.example')).toHaveLength(1);
      expect(before.domains).toHaveLength(1);
    });

    it('tells nothing when the same world is declared again', async () => {
      const { source, declare, look, told } = await start();
      const before = source.current();
      await declare(SMALL_WORLD);
      await look();
      expect(told()).toBe(0);
      expect(source.current()).toBe(before);
    });

    it('never shows a resource that is not valid, and says what is wrong with it', async () => {
      const { source, declare, until } = await start();
      await declare(withBadDomain);
      await until(() => source.problems().length > 0);
      expect(source.current().domains.map(({ spec }) => spec.domain)).toEqual(['example.com']);
      expect(source.problems()).toMatchObject([{ path: 'spec.domain' }]);
    });

    it('shows it once it has been put right, and has no problem any more', async () => {
      const { source, declare, until } = await start();
      await declare(withBadDomain);
      await until(() => source.problems().length > 0);
      await declare(withSecondDomain);
      await until(() => source.problems().length === 0);
      expect(source.current().domains).toHaveLength(2);
    });

    it('does not tell those who no longer listen', async () => {
      const { source, declare, until } = await start();
      let told = 0;
      const stop = source.onChange(() => (told += 1));
      stop();
      stop();
      await declare(withSecondDomain);
      await until(() => source.current().domains.length === 2);
      expect(told).toBe(0);
    });

    it('is silent after it is closed, twice as well as once', async () => {
      const { source, declare, look, told } = await start();
      await source.close();
      await source.close();
      await declare(withSecondDomain);
      await look();
      expect(told()).toBe(0);
      expect(source.current().domains).toHaveLength(1);
    });
  });
}
