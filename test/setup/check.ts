/**
 * `npm run check`: format, lint, types, unused code and the tests that need Node only, in under a minute.
 *
 * Steps that do not depend on one another run side by side; each prints only when it fails. Exit code 1 if any does.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Threads and programs that tests start compile nothing twice; properties are tried a few times, unless told otherwise. */
const env = { NODE_COMPILE_CACHE: join(ROOT, '.cache/compile'), POSTFLEET_CHECK: 'quick', ...process.env };

const STEPS: Record<string, string[]> = {
  format: ['oxfmt', '--check', '.'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  types: ['tsc', '--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo'],
  unused: ['knip'],
  tests: ['node', 'test/setup/test.ts', '--project', 'unit', ...process.argv.slice(2)],
};

async function run(name: string, [command = '', ...options]: string[]): Promise<boolean> {
  const started = performance.now();
  const binary = join(ROOT, 'node_modules/.bin', command);
  const child = spawn(binary, options, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code !== 0 || name === 'tests') process.stdout.write(Buffer.concat(output));
  process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} ${seconds} s\n`);
  return code === 0;
}

const fast = await Promise.all(['format', 'lint', 'types', 'unused'].map((name) => run(name, STEPS[name] ?? [])));
const tested = await run('tests', STEPS['tests'] ?? []);
process.exit([...fast, tested].every(Boolean) ? 0 : 1);
