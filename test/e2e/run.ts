/**
 * `npm run e2e`: everything from nothing, on a Kubernetes node of its own on this machine, or in the cluster of `POSTFLEET_E2E_KUBECONFIG`.
 *
 * `--short` does each thing to the cluster once, where otherwise it is done for the record; other arguments choose files.
 */
import { parseArgs } from 'node:util';
import { runInGiven } from './run/given.ts';
import { runOnOwnNode } from './run/own.ts';

const { values, positionals } = parseArgs({ options: { short: { type: 'boolean' } }, allowPositionals: true });
if (values.short === true) process.env['POSTFLEET_E2E_FORM'] = 'short';
const over = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => over.abort());
const given = process.env['POSTFLEET_E2E_KUBECONFIG'];
const chosen = (standard: string): string[] => (positionals.length > 0 ? positionals : [standard]);
process.exit(
  given === undefined
    ? await runOnOwnNode(chosen('e2e/from-nothing'), over.signal)
    : await runInGiven(given, chosen('e2e/given-cluster'), over.signal),
);
