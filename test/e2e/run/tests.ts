/**
 * The tests as a process of their own.
 */
import { spawn, type SpawnOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TEST = fileURLToPath(new URL('../../setup/test.ts', import.meta.url));

/** The command that runs the files whose paths have one of these in them. */
export const tests = (...files: readonly string[]): string[] => [process.execPath, TEST, '--project', 'e2e', ...files];

/** Resolves with the exit code. What it says is said here. */
export function started(command: string, args: readonly string[], { env, ...options }: SpawnOptions): Promise<number> {
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const child = spawn(command, args, { ...options, env: { ...process.env, ...env }, stdio: [...stdio] });
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (ended) => resolve(ended ?? 1));
  });
}
