/**
 * The same in a cluster that somebody gave, which `run/given.ts` has looked at and clears up afterwards.
 *
 * As from nothing but for what is not ours there: its API server is not ended, and nobody but its administrator asks.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import { ApiServer } from '#lib/kube/api-server.ts';
import { kubeconfigAccess } from '#lib/kube/kubeconfig.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { openScene } from '../harness/scene.ts';
import { ExternalDns } from './external-dns.ts';
import { givenGround } from './given/given-ground.ts';
import { imagesOf } from './given/places.ts';
import type { Ground } from './ground.ts';
import { testUnderLoad } from './load/under-load.ts';
import { testRemovedRecord } from './removed-record.ts';
import { testToReady } from './to-ready.ts';

const stage = openScene();
const told = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error('these tests need a cluster: POSTFLEET_E2E_KUBECONFIG=FILE npm run e2e');
  return value;
};
let ground: Ground;
let kube: ApiServer;
const theGround = (): Ground => ground;

beforeAll(async () => {
  const file = told('POSTFLEET_E2E_KUBECONFIG');
  const text = readFileSync(file, 'utf8');
  const images = imagesOf(told('POSTFLEET_E2E_IMAGE'), told('POSTFLEET_E2E_NEXT_TAG'));
  if (!images) throw new Error('no image is named');
  kube = new ApiServer(kubeconfigAccess(text), systemClock, systemRandom);
  const made = await givenGround({ stage, kubeconfig: { file, text }, run: told('POSTFLEET_E2E_RUN'), images });
  ground = made.ground;
  stage.adopt(new ExternalDns(kube, ground, 'example.com', made.own));
}, 600_000);
afterAll(() => kube.close());

testToReady(theGround);
testRemovedRecord(theGround);
testUnderLoad(stage, theGround, false);
