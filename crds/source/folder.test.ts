import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { sample } from '../sample.ts';
import { QUIET, SLOW_LOOK, openFolder } from './folder.ts';
import { LARGEST_FILE, MOST_FILES } from './reading.ts';
import { SMALL_WORLD, type World, describeResourceSource } from './source.contract.ts';
import { problemLine } from './source.ts';

/** A busy machine may take its time; what is waited for usually takes milliseconds. */
const PATIENCE = { timeout: 8000, interval: 10 };

async function makeFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-source-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const yaml = (...documents: readonly object[]): string =>
  documents.map((document) => stringify(document)).join('---\n');

async function open(files: Readonly<Record<string, string>>): Promise<World & { folder: string; clock: FakeClock }> {
  const folder = await makeFolder(files);
  const clock = new FakeClock();
  const source = await openFolder(folder, clock);
  onTestFinished(() => source.close());
  /** Moves time on and waits for the look this may have begun. */
  const step = async (): Promise<void> => {
    clock.advance(SLOW_LOOK);
    await vi.waitFor(() => expect(clock.timers).toBe(1), PATIENCE);
  };
  return {
    folder,
    clock,
    source,
    declare: (documents) => writeFile(join(folder, 'world.yaml'), yaml(...documents)),
    until: (isSeen) =>
      vi.waitFor(async () => {
        await step();
        expect(isSeen()).toBe(true);
      }, PATIENCE),
    async look() {
      if (clock.timers === 0) return;
      for (let times = 0; times < 5; times += 1) await step();
    },
  };
}

describeResourceSource('a folder', (documents) => open({ 'world.yaml': yaml(...documents) }));

const opened = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = await makeFolder(files);
  try {
    await (await openFolder(folder, new FakeClock())).close();
    return 'opened';
  } catch (thrown) {
    return String(thrown).replaceAll(folder, '<folder>');
  }
};

describe('a folder that is bad at the start', () => {
  it('is a fault that lists every problem of every file with its line', async () => {
    const fault = await opened({
      '1.yaml': yaml(sample('MTACluster', { shards: 0, workers: { replicas: 0 } })),
      '2.yml': `${yaml(sample('IPPool', { members: [] }))}---\n# a comment alone is no document\n---\nkind: [\n`,
      '3.yaml': 'a: 1\na: 2\n',
      'notes.txt': 'not read',
      '.hidden.yaml': 'not read: [',
    });
    expect(fault).toMatchInlineSnapshot(`
      "Fault: Correct these in <folder> and start again:
        1.yaml:6 spec.shards must be at least 1
        2.yml:8 spec.members must have at least 1 entry
        2.yml:13 is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]
        3.yaml:2 is not valid YAML: Map keys must be unique"
    `);
  });

  it.each([
    ['no cluster', {}, '<folder> must hold exactly one MTACluster: there is none'],
    [
      'two clusters',
      { 'a.yaml': yaml(sample('MTACluster'), sample('MTACluster', {}, { name: 'other' })) },
      'a.yaml:8 kind must not be a second MTACluster beside default/local and default/other',
    ],
    [
      'a resource twice',
      { 'a.yaml': yaml(...SMALL_WORLD), 'b.yaml': yaml(sample('IPPool')) },
      'b.yaml:4 metadata.name must be declared once: IPPool default/main has it already',
    ],
    [
      'a file that is too large',
      { 'a.yaml': '#'.repeat(LARGEST_FILE + 1) },
      `a.yaml must have at most ${LARGEST_FILE} bytes`,
    ],
    [
      'a sink of events',
      { 'a.yaml': yaml(...SMALL_WORLD, sample('EventSink')) },
      'kind must not be EventSink: this release delivers no webhooks from a folder, see `postfleet trace`',
    ],
    ['a bomb of aliases', { 'a.yaml': bomb() }, 'a.yaml:1 uses too many aliases'],
    ['nesting without end', { 'a.yaml': '['.repeat(100_000) }, 'a.yaml:1 '],
    ['a tag', { 'a.yaml': 'a: !!js/function x\n' }, 'a.yaml:1 is not valid YAML: Unresolved tag'],
  ])('refuses %s', async (_, files, problem) => {
    expect(await opened(files)).toContain(problem);
  });

  it('refuses more files than it would hold', async () => {
    const many = Object.fromEntries(Array.from({ length: MOST_FILES + 1 }, (_, at) => [`${at}.yaml`, '']));
    expect(await opened(many)).toContain(`<folder> has ${MOST_FILES + 1} files: at most ${MOST_FILES} are read`);
  });

  it('names a folder that is not there and what is no file', async () => {
    await expect(openFolder('/no/such/folder', new FakeClock())).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining('/no/such/folder cannot be read: ENOENT') as string,
    });
    const folder = await makeFolder({ 'world.yaml': yaml(...SMALL_WORLD) });
    await mkdir(join(folder, 'a.yaml'));
    await symlink('nowhere', join(folder, 'b.yaml'));
    await expect(openFolder(folder, new FakeClock())).rejects.toThrow(
      /a\.yaml must be a file\n.*b\.yaml cannot be read: ENOENT/,
    );
  });
});

function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at},`.repeat(10)}]`);
  return ['l0: &l0 lol', ...levels].join('\n');
}

describe('a folder that changes', () => {
  it('keeps the last good world whole while any file is bad, and lists all problems with file and line', async () => {
    const { folder, source, until } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    const before = source.current();
    await writeFile(join(folder, 'a.yaml'), yaml(sample('SendingDomain', { domain: 'a.example' }, { name: 'a' })));
    const lost = sample('SendingDomain', { domain: 'b.example', poolRef: { name: 'gone' } }, { name: 'b' });
    await writeFile(join(folder, 'b.yaml'), yaml(lost));
    await writeFile(join(folder, 'c.yaml'), 'kind: Pool\n');
    await until(() => source.problems().length > 0);
    expect(source.current()).toBe(before);
    expect(source.problems().map(problemLine)).toEqual([
      'b.yaml:8 spec.poolRef must name a declared IPPool: there is no default/gone',
      'c.yaml:1 apiVersion must be postfleet.io/v1alpha1',
      'c.yaml:1 kind must be one of MTACluster, IPPool, SendingDomain, DestinationPolicy, SendingCredential, EventSink; did you mean IPPool?',
    ]);
  });

  it('is not read while it is being written', async () => {
    const { folder, source, clock } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    const text = yaml(...SMALL_WORLD, sample('SendingDomain', { domain: 'b.example' }, { name: 'b' }));
    for (let written = text.length - 20; written < text.length; written += 1) {
      await writeFile(join(folder, 'world.yaml'), text.slice(0, written));
      clock.advance(written === text.length - 20 ? SLOW_LOOK : QUIET);
      await vi.waitFor(() => expect(clock.timers).toBe(1), PATIENCE);
      expect(source.problems()).toEqual([]);
    }
  });

  it('is seen by the file system telling of it, long before the slow look', async () => {
    const { folder, source, clock } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    await writeFile(join(folder, 'new.yaml'), yaml(sample('SendingDomain', { domain: 'b.example' }, { name: 'b' })));
    await vi.waitFor(() => {
      clock.advance(QUIET);
      expect(source.current().domains).toHaveLength(2);
    }, PATIENCE);
    expect(clock.monotonic()).toBeLessThan(SLOW_LOOK);
  });

  it('is the same world when a file is only touched or moved', async () => {
    const { folder, source, look } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    const before = source.current();
    await utimes(join(folder, 'world.yaml'), 1, 1);
    await rename(join(folder, 'world.yaml'), join(folder, 'moved.yaml'));
    await look();
    expect(source.current()).toBe(before);
  });

  it('keeps its world when it goes away, and says so', async () => {
    const { folder, source, until } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    await rename(folder, `${folder}-gone`);
    onTestFinished(() => rename(`${folder}-gone`, folder));
    await until(() => source.problems().length > 0);
    expect(source.problems().map(problemLine)).toEqual([`${folder} cannot be read: ENOENT`]);
    expect(source.current().domains).toHaveLength(1);
  });

  it('leaves no timer behind when closed', async () => {
    const { source, clock } = await open({ 'world.yaml': yaml(...SMALL_WORLD) });
    await source.close();
    expect(clock.timers).toBe(0);
  });
});
