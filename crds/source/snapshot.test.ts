import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { sample } from '../sample.ts';
import { BETWEEN, SnapshotWriter, readSnapshot } from './snapshot.ts';

async function open(): Promise<{
  file: string;
  folder: string;
  clock: FakeClock;
  writer: SnapshotWriter;
  failed: unknown[];
}> {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-snapshot-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [file, clock, failed] = [join(folder, 'declared.json'), new FakeClock(), [] as unknown[]];
  return { file, folder, clock, failed, writer: new SnapshotWriter(file, clock, (thrown) => failed.push(thrown)) };
}

const named = (name: string, status: object = {}): KubeObject =>
  ({ ...sample('IPPool', {}, { name }), status }) as unknown as KubeObject;

const namesIn = async (file: string): Promise<string[] | undefined> =>
  (await readSnapshot(file))?.objects.map(({ metadata }) => metadata.name);

it('the first is written at once, the last of many when it is time, and nothing lies beside', async () => {
  const { file, folder, clock, writer } = await open();
  for (const name of ['a', 'b', 'c']) writer.write([named(name)]);
  await vi.waitFor(async () => {
    expect(await namesIn(file)).toEqual(['a']);
    expect(clock.timers).toBe(1);
  });
  clock.advance(BETWEEN);
  await vi.waitFor(async () => expect(await namesIn(file)).toEqual(['c']));
  expect(await readdir(folder)).toEqual(['declared.json']);
});

it('what waits is written when it is closed, which leaves no timer', async () => {
  const { file, clock, writer } = await open();
  writer.write([named('a')]);
  writer.write([named('b')]);
  await writer.close();
  expect(await namesIn(file)).toEqual(['b']);
  expect(clock.timers).toBe(0);
});

it('of a status it holds what was granted, and no more', async () => {
  const { file, writer } = await open();
  const condition = { type: 'Accepted', status: 'True', reason: 'Granted', message: 'long' };
  writer.write([
    named('a', {
      pool: { name: 'x' },
      records: ['many'],
      activeSelectors: ['pf1'],
      members: [{ name: 'one', state: 'Unhealthy', message: 'long', ptr: 'x.example' }],
      conditions: [condition],
    }),
  ]);
  await writer.close();
  expect((await readSnapshot(file))?.objects[0]?.['status']).toEqual({
    pool: { name: 'x' },
    activeSelectors: ['pf1'],
    members: [{ name: 'one', state: 'Unhealthy' }],
    conditions: [{ type: 'Accepted', status: 'True', reason: 'Granted' }],
  });
});

it('a folder that is gone is told', async () => {
  const { file, folder, writer, failed } = await open();
  await rm(folder, { recursive: true });
  writer.write([named('a')]);
  await vi.waitFor(() => expect(failed).toHaveLength(1));
  expect(await readSnapshot(file)).toBeUndefined();
});
