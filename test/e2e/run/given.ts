/**
 * The run in a cluster that somebody gave. It is looked at first, and cleared up afterwards, whatever came of it.
 *
 * Namespaces have names of their own, one or two nodes are labelled for as long as it lasts. Nothing begins where somebody uses Postfleet.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { needKubectl, needNames, programFile } from '../../setup/control-plane.ts';
import { helmFile, needHelm } from '../../setup/helm.ts';
import { giveUp, needMailbench, say } from '../../setup/tools.ts';
import { HOLDS_ADDRESSES } from '../egress.ts';
import { imagesOf, placesOf, RUN_LABEL, whyNot } from '../given/places.ts';
import { started, tests } from './tests.ts';

const PATIENCE = '--timeout=180s';

/** Resolves with the exit code. */
export async function runInGiven(kubeconfig: string, chosen: readonly string[], over: AbortSignal): Promise<number> {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  needKubectl();
  const reason = whyNot(definitionsOf(env));
  if (reason !== undefined) return giveUp(`nothing is done to the cluster of ${kubeconfig}: ${reason}`);
  if (!imagesOf(process.env['POSTFLEET_E2E_IMAGE'], process.env['POSTFLEET_E2E_NEXT_TAG']))
    return giveUp(
      'a cluster fetches its images: build one (npm run image), push it with two tags, and say POSTFLEET_E2E_IMAGE=REPOSITORY:TAG POSTFLEET_E2E_NEXT_TAG=TAG',
    );
  needNames();
  await needMailbench();
  await needHelm();
  const run = randomBytes(4).toString('hex');
  say(`in namespaces ${Object.values(placesOf(run)).join(', ')}`);
  const [command = '', ...args] = tests(...chosen);
  try {
    // Whoever ends it is obeyed by the tests; here it is cleared up.
    return await started(command, args, { env: { POSTFLEET_E2E_RUN: run }, signal: over });
  } finally {
    clearUp(run, env);
  }
}

function definitionsOf(env: NodeJS.ProcessEnv): string[] {
  const what = ['get', 'customresourcedefinitions', '--output', 'name'];
  try {
    const said = execFileSync(programFile('kubectl'), what, { env, encoding: 'utf8' });
    return said.split('\n').map((it) => it.replace(/^.*\//, ''));
  } catch {
    return giveUp('the cluster does not answer; kubectl says why above');
  }
}

/** What senders declared goes while its operator is there. */
function clearUp(run: string, env: NodeJS.ProcessEnv): void {
  say('clearing up …');
  const { operator, egress, mail, bench } = placesOf(run);
  const kubectl = (...args: readonly string[]): void => quietly(programFile('kubectl'), args, env);
  kubectl('delete', 'namespace', mail, PATIENCE, '--ignore-not-found');
  quietly(helmFile(3), ['uninstall', 'postfleet', '--namespace', operator, '--wait', '--ignore-not-found'], env);
  kubectl('delete', 'namespace', operator, egress, bench, PATIENCE, '--ignore-not-found');
  kubectl('label', 'nodes', '--selector', `${RUN_LABEL}=${run}`, `${HOLDS_ADDRESSES}-`, `${RUN_LABEL}-`);
  kubectl('delete', 'customresourcedefinition', 'dnsendpoints.externaldns.k8s.io', '--ignore-not-found');
}

/** What cannot be cleared up is said, and the rest is. */
function quietly(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' });
  if (status !== 0) say(`left behind: ${args.join(' ')}: ${stderr}${stdout}`);
}
