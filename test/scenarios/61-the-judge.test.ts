/**
 * The judge of counts is itself judged: what it says at the end is said whole, and last.
 */
import { expect, test } from 'vitest';
import { Mailbench } from '../harness/mailbench.ts';
import { freePorts } from '../harness/ports.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();

/** One in a hundred ended with a count before. */
const RUNS = 300;

test('the verdict is the last that is said, however often counts are told meanwhile', async () => {
  for (let run = 0; run < RUNS; run += 1) {
    const [port = 0] = await freePorts(1);
    const flags = ['-size', '200', '-linger', '1ms', '-every', '50us'];
    const verdict = await Mailbench.start(scene, {
      to: port,
      sink: port,
      messages: 5,
      connections: 1,
      flags,
    }).verdict();
    expect(verdict).toMatchObject({ accepted: 5, lost: 0, duplicates: 0, sources: [{ ip: '127.0.0.1' }] });
  }
});
