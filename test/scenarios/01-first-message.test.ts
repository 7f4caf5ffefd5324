/**
 * What a newcomer sees: `npm start`, then the commands it prints, as they stand, on the ports it names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyDkim } from '#lib/dkim/verify.ts';
import { systemClock } from '#lib/run/clock.ts';
import { newcomersCheckout } from '../harness/checkout.ts';
import { isFree } from '../harness/ports.ts';
import { publishedBy } from '../harness/published.ts';
import type { Program } from '../harness/program.ts';
import { openScene } from '../harness/scene.ts';
import { type Ran, shell } from '../harness/shell.ts';

const DEFAULT_PORTS = [2525, 2465, 8080, 2626, 9464, 8081];

const scene = openScene();
let checkout: string;
let start: Program;

/** A line of the greeting that begins with this word, without it. */
const printed = (word: string): string => new RegExp(`^ +${word} +(.+)$`, 'm').exec(start.stderr)?.[1] ?? '';
const run = (line: string): Promise<Ran> => shell(scene, line, checkout);
const idIn = (text: string): string => /queued as ([0-9a-z]{26})/.exec(text)?.[1] ?? '';

/** Waits for the receiver's line about a message with this subject, and gives the file it names. */
async function receivedWith(subject: string): Promise<{ line: string; raw: Buffer }> {
  const [line = '', file = ''] = await start.says(new RegExp(`^received .*"${subject}".* (\\S+\\.eml)$`, 'm'));
  return { line, raw: readFileSync(file) };
}

beforeAll(async () => {
  for (const port of DEFAULT_PORTS) {
    if (!(await isFree(port))) throw new Error(`this scenario needs port ${port}: stop what listens there`);
  }
  checkout = newcomersCheckout(scene);
  start = scene.start('npm-start', 'npm', ['start'], { cwd: checkout });
  await start.says(/end +Ctrl-C/, 60_000);
});

/** Messages the tests below send: four by SMTP, two by HTTP. */
const SENT = 6;

describe('after `npm start`', () => {
  test('the README tells of the same first message and the same ports', () => {
    const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
    expect(readme).toContain(`\n${printed('send')}\n${printed('follow')}\n`);
    for (const port of DEFAULT_PORTS) expect(readme).toContain(`127.0.0.1:${port}`);
  });

  test('the `postfleet send` line it prints sends a message that arrives', async () => {
    const sent = await run(printed('send'));
    expect(sent).toMatchObject({ code: 0 });
    const { raw } = await receivedWith('Hello from Postfleet');
    expect(raw.toString()).toContain('It works.');
  });

  test('the curl line it prints sends a message that arrives', async () => {
    const sent = await run(printed('by HTTP').replace('"Hello"', '"By curl"'));
    expect(sent).toMatchObject({ code: 0 });
    const { id } = JSON.parse(sent.stdout) as { id: string };
    const { raw } = await receivedWith('By curl');
    expect(raw.toString()).toContain(`Message-ID: <${id}@example.com>`);
  });

  test('the curl line of the README sends a message that arrives', async () => {
    const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
    const [, line = ''] = /^(curl [^]*?)\n```$/m.exec(readme) ?? [];
    expect(await run(line.replace('"Hello"', '"By the README"'))).toMatchObject({ code: 0 });
    await receivedWith('By the README');
  });

  test('the swaks line it prints sends a message that arrives', async () => {
    const sent = await run(`${printed('or')} --header 'Subject: By swaks'`);
    expect(sent).toMatchObject({ code: 0 });
    expect(idIn(sent.stdout)).not.toBe('');
    await receivedWith('By swaks');
  });

  test('what arrives has passed DKIM with both algorithms, and does again when verified anew', async () => {
    const { line, raw } = await receivedWith('Hello from Postfleet');
    expect(line).toMatch(/dkim: pass \((rsa|ed25519)-sha256 \S+ example\.com\), pass \((rsa|ed25519)-sha256 /);
    const verdicts = await verifyDkim(raw, publishedBy(join(checkout, '.data/standalone')), systemClock.now());
    expect(verdicts.map((it) => `${it.algorithm} ${it.result}`).toSorted()).toEqual([
      'ed25519-sha256 pass',
      'rsa-sha256 pass',
    ]);
  });

  test('a message that was changed on the way does not pass', async () => {
    const { raw } = await receivedWith('Hello from Postfleet');
    const changed = Buffer.from(raw.toString('latin1').replace('It works.', 'It words.'), 'latin1');
    const verdicts = await verifyDkim(changed, publishedBy(join(checkout, '.data/standalone')), systemClock.now());
    expect(verdicts.map((it) => it.result)).toEqual(['fail', 'fail']);
  });

  test('the trace line shows how the message was queued and delivered, with the reply of the receiver', async () => {
    const { stdout } = await run(`${printed('send')} --subject 'To be followed'`);
    const trace = /npx postfleet trace \S+/.exec(stdout)?.[0] ?? '';
    await receivedWith('To be followed');
    const { stdout: shown } = await run(trace);
    expect(shown).toMatch(/ queued +you@demo\.test +from <hello@example\.com>, \d+ bytes/);
    expect(shown).toMatch(/ delivered +you@demo\.test +250 2\.0\.0 received as .*over TLSv1\.[23]/);
  });

  test('`--json` says the same to programs', async () => {
    const { stdout } = await run(`${printed('send')} --json --subject 'For programs'`);
    const sent = JSON.parse(stdout) as { id: string; response: string };
    expect(sent.response).toBe(`250 2.0.0 queued as ${sent.id}`);
    await receivedWith('For programs');
    const traced = JSON.parse((await run(`npx postfleet trace ${sent.id} --json`)).stdout) as {
      events: { type: string; reply: string }[];
    };
    expect(traced.events.map((it) => it.type)).toEqual(['queued', 'delivered']);
    expect(traced.events[0]?.reply).toBe(sent.response);
  });

  test('a trace of a message nobody knows fails with a sentence', async () => {
    const { code, stderr } = await run('npx postfleet trace 00000000000000000000000000');
    expect(code).toBe(1);
    expect(stderr).toContain('postfleet: nothing is known of message 00000000000000000000000000 [refused]\n');
  });

  test('the metrics line names a page that counts what was sent', async () => {
    const page = await (await fetch(printed('metrics'))).text();
    expect(page).toMatch(/^postfleet_accepted_total\{via="smtp"\} 4$/m);
  });

  test('a second process on the same data is refused and touches nothing', async () => {
    const second = await run('npx postfleet standalone --fresh');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('[data-locked]');
    expect(readdirSync(join(checkout, '.data/standalone/received'))).toHaveLength(SENT);
  });

  test('SIGTERM to npm ends it with 0', async () => {
    expect(await start.stop()).toEqual({ code: 0, signal: null });
  });
});

describe('after it has ended', () => {
  test('`postfleet send` says that nobody answers', async () => {
    const { code, stderr } = await run('npx postfleet send --to you@demo.test');
    expect(code).toBe(1);
    expect(stderr).toMatch(/127\.0\.0\.1:2525 did not take the message: .*\[refused\]/);
  });

  test('the next start keeps keys and password, and `--fresh` empties the data folder', async () => {
    const received = (): string[] => readdirSync(join(checkout, '.data/standalone/received'));
    const password = (): string =>
      readFileSync(join(checkout, '.data/standalone/secrets/default.app/password'), 'utf8');
    const before = password();

    const again = scene.start('npm-start', 'npm', ['start'], { cwd: checkout });
    await again.says(/end +Ctrl-C/);
    expect([password(), received().length]).toEqual([before, SENT]);
    await again.stop();

    const fresh = scene.start('npm-start', 'npm', ['start', '--', '--fresh'], { cwd: checkout });
    await fresh.says(/end +Ctrl-C/);
    expect(password()).not.toBe(before);
    expect(received()).toEqual([]);
    await fresh.stop();
  });
});
